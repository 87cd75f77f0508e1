//! Parsed Rust sources, and the parts of them that rules look at.

use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// One Rust file.
pub struct Source {
    /// Relative to the root of the repository.
    pub path: PathBuf,
    /// As written.
    pub text: String,
    /// As parsed.
    pub file: syn::File,
}

impl Source {
    /// Parses a text, which must be Rust.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let file = syn::parse_file(&text);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text, file }
    }

    /// True for a file that only holds tests.
    pub fn is_test(&self) -> bool {
        let folders = self
            .path
            .iter()
            .any(|part| part == "tests" || part == "benches");
        folders || self.path.ends_with("tests.rs") || self.path.starts_with("engine/simulator")
    }

    /// Module path below the crate's root: `["swarm", "session"]`.
    pub fn module(&self) -> Vec<String> {
        let inside = ["engine/src", "src"];
        let inside = inside
            .iter()
            .find_map(|root| self.path.strip_prefix(root).ok());
        let path = inside.unwrap_or(&self.path).with_extension("");
        let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        parts
            .filter(|part| part != "lib" && part != "main")
            .collect()
    }
}

/// Root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `folder` with the given extension, by path relative to the root,
/// with their text.
pub fn texts(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let walk = walkdir::WalkDir::new(root().join(folder)).sort_by_file_name();
    let files = walk.into_iter().map(|entry| entry.expect("readable"));
    let files = files.filter(|file| file.path().extension().is_some_and(|e| e == extension));
    files
        .map(|file| {
            let text = std::fs::read_to_string(file.path()).expect("UTF-8");
            let path = file.path().strip_prefix(root()).expect("below the root");
            (path.to_owned(), text)
        })
        .collect()
}

/// All Rust files below the given folders.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let texts = folders.iter().flat_map(|folder| texts(folder, "rs"));
    texts.map(|(path, text)| Source::new(path, text)).collect()
}

/// Sources of both crates, tests of theirs included.
pub fn crates() -> Vec<Source> {
    sources(&["engine/src", "src"])
}

/// Every Rust source of the repository.
pub fn everything() -> Vec<Source> {
    sources(&["engine", "src", "tests", "benches"])
}

/// True for an item that is compiled for tests only.
pub fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    let is_cfg_test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    };
    attributes.iter().any(is_cfg_test)
}

/// Paths that production code names, `use` declarations expanded: `["std",
/// "process", "Command"]`. Prefixes `self` and `super` stay as written.
pub fn named_paths(source: &Source) -> Vec<Vec<String>> {
    let mut paths = Paths::default();
    paths.visit_file(&source.file);
    paths.found
}

#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl Paths {
    fn tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.found.push(with(&name.ident)),
            syn::UseTree::Rename(name) => self.found.push(with(&name.ident)),
            syn::UseTree::Glob(_) => self.found.push(prefix.to_vec()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(prefix, item));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // A contract's `pub use` of its own children is no import.
        if !is_test_only(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let segments = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.found.push(segments.collect());
        }
        visit::visit_path(self, path);
    }
}
