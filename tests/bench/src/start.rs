//! From the start of the process to the first request that a server sees, with a warm cache.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::Extent;
use crate::error::BenchError;
use crate::host::{self, Tuning, Workplace};
use crate::sandbox::Places;
use crate::table::{Aim, Table, Unit};

/// A start that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(10);

pub(crate) fn measure(workplace: &Workplace, extent: Extent, table: &mut Table) -> Result<(), BenchError> {
    let (mut connected, mut asked) = (Vec::new(), Vec::new());
    // The first turn compiles the component and fills the system's caches.
    for turn in 0..=extent.pick(20, 5) {
        let (connection, request) = host::block_on(first_request(workplace))??;
        if turn > 0 {
            connected.push(connection.as_secs_f64() * 1e3);
            asked.push(request.as_secs_f64() * 1e3);
        }
    }
    table.add("start of the process to first connection", Unit::Milliseconds, Aim::None, connected);
    table.add("start of the process to first request", Unit::Milliseconds, Aim::AtMost(30.0), asked);
    Ok(())
}

/// How long until a connection, and until the first line of a request.
async fn first_request(workplace: &Workplace) -> Result<(Duration, Duration), BenchError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(BenchError::system("listen"))?;
    let address = listener.local_addr().map_err(BenchError::system("listen"))?;
    let places = Places::all_at(&format!("http://{address}"));
    let manifest = workplace.manifest(&places, Tuning::default())?;
    let store = workplace.store()?;
    let mut command = workplace.sluice("run", &manifest);
    command.arg("--store").arg(store.path().join("bench.db"));
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().map_err(BenchError::system("start sluice"))?;
    let seen = timeout(LONGEST, async {
        let (mut stream, _) = listener.accept().await?;
        let connection = started.elapsed();
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        while !text.contains(&b'\n') {
            match stream.read(&mut buffer).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => text.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            }
        }
        Ok((connection, started.elapsed()))
    });
    let seen = seen.await;
    // It waits for an answer that never comes.
    let _ = child.kill();
    let _ = child.wait();
    let seen = seen.map_err(|_| BenchError::Unexpected("sluice sent no request".to_owned()))?;
    seen.map_err(BenchError::system("read the first request"))
}
