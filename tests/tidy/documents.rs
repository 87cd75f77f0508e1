//! Documents in step with the tree, and colours in the theme alone.

use std::collections::BTreeSet;

use super::expect_none;
use super::source::{root, sources, texts};

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Words in backticks.
fn quoted(document: &str) -> BTreeSet<&str> {
    document.split('`').skip(1).step_by(2).collect()
}

/// Messages of a protobuf file: the fields of its envelopes.
fn messages(proto: &str) -> BTreeSet<&str> {
    let fields = proto
        .lines()
        .filter(|line| line.starts_with("    ") && line.contains(" = "));
    fields
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect()
}

/// Names that a document does not quote.
fn missing<'a>(document: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let quoted = quoted(document);
    let absent = names.into_iter().filter(|name| !quoted.contains(name));
    absent
        .map(|name| format!("`{name}` is not described"))
        .collect()
}

/// Modules of both crates as ARCHITECTURE.md names them: `engine/swarm/session`,
/// `swarm/actor`.
fn modules() -> Vec<String> {
    let modules = sources(&["engine/src", "src"]);
    let modules = modules.iter().filter(|source| !source.is_test());
    let names = modules.filter_map(|source| {
        let path = source.module().join("/");
        let prefix = if source.path.starts_with("engine") {
            "engine/"
        } else {
            ""
        };
        (!path.is_empty()).then(|| format!("{prefix}{path}"))
    });
    names.collect()
}

/// Quoted paths that look like modules of ours and do not exist.
fn stale(document: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let looks_like = |word: &&&str| {
        let characters = word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '_' || c == '/');
        characters && word.starts_with("engine/") && !word.ends_with('/')
    };
    let folders = [
        "engine/src",
        "engine/simulator",
        "engine/tests",
        "engine/examples",
    ];
    quoted(document)
        .iter()
        .filter(looks_like)
        .filter(|word| !modules.contains(**word) && !folders.iter().any(|f| word.starts_with(f)))
        .map(|word| format!("`{word}` does not exist"))
        .collect()
}

#[test]
fn architecture_names_every_module() {
    let (architecture, modules) = (document("ARCHITECTURE.md"), modules());
    expect_none(&missing(&architecture, modules.iter().map(String::as_str)));
    expect_none(&stale(&architecture, &modules.into_iter().collect()));
}

#[test]
fn architecture_names_every_message() {
    let files = texts("proto", "proto");
    let messages: BTreeSet<&str> = files.iter().flat_map(|(_, text)| messages(text)).collect();
    assert!(messages.len() > 20, "{messages:?}");
    expect_none(&missing(&document("ARCHITECTURE.md"), messages));
}

#[test]
fn readme_explains_every_section_of_the_configuration() {
    let readme = document("README.md");
    let files = texts("config", "toml");
    let lines = files.iter().flat_map(|(_, text)| text.lines());
    expect_none(&missing(
        &readme,
        lines.filter(|line| line.starts_with('[')),
    ));
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"] {
        let text = document(name);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or(link);
            assert!(root().join(file).exists(), "{name} links to {link}");
        }
    }
}

/// Lines with a colour literal.
fn colours(path: &str, text: &str) -> Vec<String> {
    let is_colour = |word: &str| {
        let digits = word.bytes().take_while(u8::is_ascii_hexdigit).count();
        matches!(digits, 3 | 4 | 6 | 8)
            && !word[digits..].starts_with(|c: char| c.is_alphanumeric())
    };
    let code = |line: &str| line.split("//").next().unwrap_or("").to_owned();
    let coloured = |line: &&str| code(line).split('#').skip(1).any(is_colour);
    text.lines()
        .filter(coloured)
        .map(|line| format!("{path}: {}", line.trim()))
        .collect()
}

#[test]
fn colours_stand_in_the_theme() {
    let files = texts("ui", "slint");
    let files = files
        .iter()
        .filter(|(path, _)| !path.ends_with("theme.slint"));
    let found: Vec<String> = files
        .flat_map(|(path, text)| colours(&path.display().to_string(), text))
        .collect();
    expect_none(&found);
    let constructors = ["Color::from_", "Rgb8Pixel::new(0x", "Rgb8Pixel { r: 0x"];
    for source in sources(&["src/gui"]) {
        let found = constructors
            .iter()
            .find(|word| source.text.contains(**word));
        assert!(found.is_none(), "{}: {found:?}", source.path.display());
    }
}

#[test]
fn broken_samples_are_found() {
    assert_eq!(missing("`a` and `b`", ["a", "c"]).len(), 1);
    let modules = BTreeSet::from(["engine/ids".to_owned()]);
    assert_eq!(stale("`engine/ids`, `engine/gone`", &modules).len(), 1);
    assert_eq!(
        colours("a.slint", "color: #ff0000;\ncolor: Theme.red; // #fff").len(),
        1
    );
    assert_eq!(
        messages("message E {\n  oneof kind {\n    Hello hello = 1;\n").len(),
        1
    );
}
