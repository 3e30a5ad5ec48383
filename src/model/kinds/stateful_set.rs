//! `StatefulSet`: a workload like a Deployment.

use super::deployment::{Wire, Workload, read};
use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Names};

/// A `StatefulSet`.
#[derive(Clone, Debug)]
pub struct StatefulSet(pub Workload);

impl Watched for StatefulSet {
    const KIND: Kind = Kind::StatefulSet;
    const API: Api = Api { group: "apps", versions: &["v1"], plural: "statefulsets", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        Self(read(wire, names))
    }

    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn links(&self) -> Vec<Link> {
        self.0.links()
    }
}
