//! Streams that are read as a whole each time.

use crate::capabilities::Capabilities;
use crate::failure::{Detail, Failure};

use super::Source;
use super::read::{Page, ReadRequest};
use super::stream::Stream;

impl<C: Capabilities> Source<C> {
    /// Reads one page of a stream other than lead responses.
    #[expect(clippy::unused_async, reason = "reading waits for requests")]
    pub(super) async fn read_snapshot(&self, stream: Stream, _: ReadRequest<'_>) -> Result<Page, Failure> {
        let message = format!("the stream `{}` cannot be read yet", stream.name());
        Err(Failure::Fatal(Detail::new(message)))
    }
}
