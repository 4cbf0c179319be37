//! Tokens: asked for once for all who wait, renewed early, refused once; and nothing secret is ever shown.

mod endpoint;
mod sentences;
mod tokens;
