//! Stand-ins for LinkedIn, Entra ID and Dataverse on loopback.

pub mod dataverse;
