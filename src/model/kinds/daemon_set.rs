//! `DaemonSet`: a workload like a Deployment.

use super::deployment::{Wire, Workload, read, workload};
use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Names};

workload! {
    /// A `DaemonSet`.
    DaemonSet, "daemonsets"
}
