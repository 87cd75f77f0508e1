//! Figures of the prose: openings of doc comments, lengths of test names.

use syn::visit::{self, Visit};

use super::expect_none;
use super::source::{Source, everything};

/// Words that open a question or a riddle instead of naming the subject.
const QUESTIONS: [&str; 10] = [
    "What", "Who", "Whom", "Whose", "How", "Whether", "Where", "When", "That", "Whoever",
];

/// Share of doc comments that may open with such a word, in percent.
const MAX_QUESTIONS: usize = 2;

/// Characters of a test's name.
const MAX_TEST_NAME: usize = 60;

/// Openings of all doc comments, with the path of their file.
fn openings(sources: &[Source]) -> Vec<String> {
    let mut openings = Vec::new();
    for source in sources {
        let mut before = "";
        for line in source.text.lines().map(str::trim_start) {
            let mark = line.get(..3).filter(|mark| ["///", "//!"].contains(mark));
            if let Some(mark) = mark.filter(|mark| !before.starts_with(mark)) {
                let text = line[mark.len()..].trim();
                openings.push(format!("{}: {text}", source.path.display()));
            }
            before = line;
        }
    }
    openings
}

fn questions(openings: &[String]) -> Vec<String> {
    let opens = |line: &&String| {
        let text = line.split_once(": ").map_or("", |(_, text)| text);
        let word = text.split(|c: char| !c.is_alphabetic()).next();
        word.is_some_and(|word| QUESTIONS.contains(&word))
    };
    openings.iter().filter(opens).cloned().collect()
}

#[derive(Default)]
struct Tests {
    long: Vec<String>,
}

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            attribute
                .path()
                .segments
                .last()
                .is_some_and(|last| last.ident == "test")
        };
        let name = item.sig.ident.to_string();
        if item.attrs.iter().any(is_test) && name.len() > MAX_TEST_NAME {
            self.long.push(name);
        }
        visit::visit_item_fn(self, item);
    }
}

fn long_test_names(sources: &[Source]) -> Vec<String> {
    let mut tests = Tests::default();
    sources
        .iter()
        .for_each(|source| tests.visit_file(&source.file));
    tests.long
}

#[test]
fn doc_comments_name_their_subject() {
    let openings = openings(&everything());
    let questions = questions(&openings);
    let allowed = openings.len() * MAX_QUESTIONS / 100;
    assert!(
        questions.len() <= allowed,
        "{} of {} doc comments:\n{}",
        questions.len(),
        openings.len(),
        questions.join("\n")
    );
}

#[test]
fn test_names_are_short() {
    expect_none(&long_test_names(&everything()));
}

#[test]
fn broken_samples_are_found() {
    let sample = [Source::new(
        "src/a.rs",
        "/// Whether it is.\nstruct A {\n/// What it is.\nb: u8 }",
    )];
    assert_eq!(questions(&openings(&sample)).len(), 2);
    let named = [Source::new(
        "src/a.rs",
        "/// Whatever: a name. Howl.\nstruct A;",
    )];
    assert!(questions(&openings(&named)).is_empty());
    let long = "a".repeat(MAX_TEST_NAME + 1);
    let sample = [Source::new(
        "src/a.rs",
        format!("#[test]\nfn {long}() {{}}"),
    )];
    assert_eq!(long_test_names(&sample).len(), 1);
}
