//! A finding: one object, what is wrong with it, how we know, how sure we are, and because of what.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::model::ObjectRef;

/// One statement about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that says so.
    pub slug: &'static str,
    /// The object it is about.
    pub subject: ObjectRef,
    /// Whether another explanation is possible.
    pub certainty: Certainty,
    /// The rule's severity.
    pub severity: Severity,
    /// One sentence for a person.
    pub summary: String,
    /// Since when, as far as it can be known.
    pub since: Option<Timestamp>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// Explanations that were looked at and do not hold.
    pub ruled_out: Vec<String>,
    /// The cause it stands under; `None` if it is one itself.
    pub because: Option<CauseKey>,
}

/// Names a cause: the slug and the object that is the root.
pub type CauseKey = (&'static str, ObjectRef);

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Likely; the finding says what would settle it.
    Suspected,
    /// No other explanation fits the evidence.
    Certain,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Will break, or is broken silently.
    Warning,
    /// Broken now.
    Error,
}

/// One thing that was seen, by whom it was said and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Who said it.
    pub source: Source,
    /// About which object.
    pub object: ObjectRef,
    /// The field and its value, or the answer.
    pub what: String,
    /// When it was said or seen.
    pub at: Option<Timestamp>,
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A field of an object.
    Kubernetes,
    /// An answer of Vault.
    Vault,
    /// An Event's text.
    Event,
    /// A question of our own.
    Probe,
}

impl Source {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "Kubernetes",
            Self::Vault => "Vault",
            Self::Event => "event",
            Self::Probe => "probe",
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Finding {
    /// A certain finding without evidence yet.
    #[must_use]
    pub const fn certain(slug: &'static str, severity: Severity, subject: ObjectRef, summary: String) -> Self {
        Self {
            slug,
            subject,
            certainty: Certainty::Certain,
            severity,
            summary,
            since: None,
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            because: None,
        }
    }

    /// The same, under a cause.
    #[must_use]
    pub fn under(mut self, slug: &'static str, root: ObjectRef) -> Self {
        self.because = Some((slug, root));
        self
    }

    /// The same, since then.
    #[must_use]
    pub const fn since(mut self, at: Option<Timestamp>) -> Self {
        self.since = at;
        self
    }

    /// The same, not sure.
    #[must_use]
    pub const fn suspected(mut self) -> Self {
        self.certainty = Certainty::Suspected;
        self
    }

    /// The same, no surer than this.
    #[must_use]
    pub const fn as_sure_as(self, certainty: Certainty) -> Self {
        match certainty {
            Certainty::Certain => self,
            Certainty::Suspected => self.suspected(),
        }
    }

    /// The same, with one more piece of evidence about its own subject.
    #[must_use]
    pub fn seen(mut self, source: Source, what: impl Into<String>, at: Option<Timestamp>) -> Self {
        self.evidence.push(Evidence { source, object: self.subject.clone(), what: what.into(), at });
        self
    }

    /// The cause that this finding stands under, or is.
    #[must_use]
    pub fn cause(&self) -> CauseKey {
        let (slug, subject) = self.root();
        (slug, subject.clone())
    }

    /// The same, not copied.
    #[must_use]
    pub fn root(&self) -> (&'static str, &ObjectRef) {
        self.because.as_ref().map_or((self.slug, &self.subject), |(slug, subject)| (*slug, subject))
    }
}
