//! What the tests of the whole share: built components, and a host around one of them.

pub mod guests;
pub mod solo;
