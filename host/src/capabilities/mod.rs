//! The powers that a component is granted, and the policies that bound them.
//!
//! The policies (`egress`, `address`) are pure and tested alone; `http` is where bytes leave the machine. Nothing
//! here reads the environment, follows a redirect, keeps a cookie or uses a proxy.

pub mod address;
pub mod egress;
pub mod governor;
pub mod http;
pub mod resolver;
