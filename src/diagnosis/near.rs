//! Names like one that is not there: “did you mean”.

use crate::model::ObjectRef;

/// How many are offered.
const OFFERED: usize = 3;
/// How like two names must be, from 0 to 1.
const LIKE: f64 = 0.8;

/// The objects whose names are like this one, the likest first. What is typed may have a namespace before it, and
/// the name of a path has slashes of its own: every tail of it counts.
#[must_use]
pub fn like<'a>(typed: &str, objects: impl Iterator<Item = &'a ObjectRef>) -> Vec<ObjectRef> {
    let tails: Vec<&str> = std::iter::successors(Some(typed), |rest| rest.split_once('/').map(|(_, rest)| rest))
        .filter(|tail| tail.len() > 2)
        .collect();
    let score = |object: &ObjectRef| {
        let name = object.name.as_str();
        let of_tail = |tail: &&str| if name.contains(tail) { 0.9 } else { strsim::jaro_winkler(tail, name) };
        tails.iter().map(of_tail).fold(0.0, f64::max)
    };
    let mut near: Vec<(f64, &ObjectRef)> =
        objects.map(|object| (score(object), object)).filter(|(score, _)| *score >= LIKE).collect();
    near.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    near.into_iter().take(OFFERED).map(|(_, object)| object.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::like;
    use crate::model::{Kind, ObjectRef};

    #[test]
    fn a_slip_finds_what_was_meant_and_a_stranger_nothing() {
        let objects: Vec<ObjectRef> =
            ["stripe", "smtp", "db-creds"].map(|name| ObjectRef::new(Kind::ExternalSecret, "payments", name)).into();
        let names = |typed: &str| like(typed, objects.iter()).iter().map(|object| object.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names("stirpe"), ["stripe"]);
        assert_eq!(names("payments/db-cred"), ["db-creds"]);
        assert_eq!(names("creds"), ["db-creds"]);
        assert!(names("zebra").is_empty());
    }
}
