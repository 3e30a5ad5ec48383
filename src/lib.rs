//! sealwatch: an interactive terminal console for the moment when Kubernetes Secrets stop arriving.

pub mod diagnosis;
pub mod engine;
pub mod gateways;
pub mod model;
pub mod ports;
pub mod report;
pub mod runbooks;
