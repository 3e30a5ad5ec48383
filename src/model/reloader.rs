//! Reloader (Stakater) restarts workloads when a Secret changes. Its annotations stand on the workload or on
//! the template of its pods (chart 2.2.16, internal/pkg/options/flags.go; all of them can be renamed by flags).

use std::collections::BTreeMap;

use super::kinds::secret::{Mark, Secret};
use super::object::{Name, Names};
use super::text::Text;

/// What a workload asks of Reloader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloader {
    /// Restart at a change of anything that it uses.
    pub auto: bool,
    /// Restart at a change of what it uses and what says `match`.
    pub search: bool,
    /// Restart at a change of these Secrets, used or not.
    pub secrets: Box<[Name]>,
    /// Do not for these.
    pub excluded: Box<[Name]>,
    /// Do not at all.
    pub ignored: bool,
}

impl Reloader {
    /// What the annotations of a workload and of its template ask; `None` if they say nothing about it.
    pub fn read(places: [&BTreeMap<String, String>; 2], names: &mut Names) -> Option<Box<Self>> {
        let says = |key: &str| places.iter().any(|words| words.get(key).is_some_and(|word| word.eq_ignore_ascii_case("true")));
        let mut list = |key: &str| -> Box<[Name]> {
            let words = places.iter().filter_map(|words| words.get(key)).flat_map(|words| words.split(','));
            words.map(str::trim).filter(|word| !word.is_empty()).map(|word| names.intern(Text::foreign(word).as_str())).collect()
        };
        let reloader = Self {
            auto: says("reloader.stakater.com/auto") || says("secret.reloader.stakater.com/auto"),
            search: says("reloader.stakater.com/search"),
            secrets: list("secret.reloader.stakater.com/reload"),
            excluded: list("secrets.exclude.reloader.stakater.com/reload"),
            ignored: says("reloader.stakater.com/ignore"),
        };
        (reloader != Self::default()).then(|| Box::new(reloader))
    }

    /// Whether a change of this Secret, which the workload uses, restarts it, if Reloader runs.
    #[must_use]
    pub fn restarts_for(&self, secret: &Secret) -> bool {
        let (name, marks) = (&secret.meta.name, secret.marks.as_deref());
        if self.ignored || self.excluded.contains(name) || marks.is_some_and(|marks| marks.say(Mark::ReloaderIgnore)) {
            return false;
        }
        self.auto || self.secrets.contains(name) || (self.search && marks.is_some_and(|marks| marks.say(Mark::ReloaderMatch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_secret_restarts_and_an_excluded_one_does_not() {
        let words = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let (none, mut names) = (BTreeMap::new(), Names::default());
        assert!(Reloader::read([&none, &none], &mut names).is_none());
        let secret = |name: &str| {
            let wire = format!(r#"{{"metadata": {{"name": "{name}"}}}}"#);
            <Secret as super::super::kinds::Watched>::read(serde_json::from_str(&wire).expect("a Secret"), &mut Names::default())
        };
        let two = Reloader::read([&words("secret.reloader.stakater.com/reload", "a, b"), &none], &mut names).expect("two");
        assert!(two.restarts_for(&secret("b")) && !two.restarts_for(&secret("c")));
        let auto = words("reloader.stakater.com/auto", "true");
        let except = words("secrets.exclude.reloader.stakater.com/reload", "b");
        let all_but_one = Reloader::read([&auto, &except], &mut names).expect("all but one");
        assert!(!all_but_one.restarts_for(&secret("b")) && all_but_one.restarts_for(&secret("c")));
    }
}
