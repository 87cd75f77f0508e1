//! Sizes, file heads, and the place of `impl` blocks.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::expect_none;
use super::source::{Source, crates, everything, is_test_only, texts};

/// Lines of a file, tests included.
const MAX_FILE: usize = 500;

/// Lines of a function, signature and attributes included.
const MAX_FUNCTION: usize = 80;

fn headless_or_long(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        let (path, lines) = (source.path.display(), source.text.lines().count());
        if !source.text.starts_with("//!") {
            violations.push(format!("{path}: does not open with `//!`"));
        }
        if lines > MAX_FILE {
            violations.push(format!("{path}: {lines} lines"));
        }
    }
    violations
}

struct Functions<'a> {
    source: &'a Source,
    violations: Vec<String>,
}

impl Functions<'_> {
    fn check(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
        let lines = span.end().line - span.start().line + 1;
        if lines > MAX_FUNCTION {
            let path = self.source.path.display();
            self.violations
                .push(format!("{path}: `{name}` has {lines} lines"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.sig.ident, item.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.sig.ident, item.span());
        visit::visit_impl_item_fn(self, item);
    }
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let of = |source| {
        let mut functions = Functions {
            source,
            violations: Vec::new(),
        };
        functions.visit_file(&source.file);
        functions.violations
    };
    sources.iter().flat_map(of).collect()
}

/// Names of the types that a list of items defines, and of those that it gives
/// inherent methods.
fn types(items: &[syn::Item]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut defined, mut extended) = (BTreeSet::new(), BTreeSet::new());
    for item in items {
        match item {
            syn::Item::Struct(item) => drop(defined.insert(item.ident.to_string())),
            syn::Item::Enum(item) => drop(defined.insert(item.ident.to_string())),
            syn::Item::Impl(block) if block.trait_.is_none() && !is_test_only(&block.attrs) => {
                if let syn::Type::Path(path) = &*block.self_ty
                    && let Some(last) = path.path.segments.last()
                {
                    extended.insert(last.ident.to_string());
                }
            }
            _ => {}
        }
    }
    (defined, extended)
}

/// Inherent `impl` blocks in another file than the type.
fn distant_impls(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let (defined, extended) = types(&source.file.items);
        for name in extended.difference(&defined) {
            let path = source.path.display();
            violations.push(format!("{path}: `impl {name}` is not beside `{name}`"));
        }
    }
    violations
}

/// Panics without a reason, and marks of unfinished work, in production code.
fn unfinished(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let code = source
            .text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"));
        for line in code {
            let code_only = !line.trim_start().starts_with("//");
            let calls = [".unwrap()", "todo!(", "unimplemented!(", "dbg!("];
            let marks = ["TODO", "FIXME", "XXX"];
            let call = calls.iter().find(|word| code_only && line.contains(**word));
            if let Some(word) = call.or_else(|| marks.iter().find(|word| line.contains(**word))) {
                violations.push(format!("{}: {word}", source.path.display()));
            }
        }
    }
    violations
}

#[test]
fn files_have_heads_and_limited_length() {
    expect_none(&headless_or_long(&everything()));
    for (path, text) in texts("ui", "slint") {
        assert!(text.starts_with("//"), "{} has no head", path.display());
    }
}

#[test]
fn functions_are_short() {
    expect_none(&long_functions(&everything()));
}

#[test]
fn inherent_impls_stand_beside_their_types() {
    expect_none(&distant_impls(&crates()));
}

#[test]
fn production_code_is_finished() {
    expect_none(&unfinished(&crates()));
}

#[test]
fn broken_samples_are_found() {
    let headless = [Source::new("src/a.rs", "fn f() {}")];
    assert_eq!(headless_or_long(&headless).len(), 1);
    let long = [Source::new(
        "src/a.rs",
        format!("//! A.\n{}", "// x\n".repeat(MAX_FILE)),
    )];
    assert_eq!(headless_or_long(&long).len(), 1);
    let body = "let a = 1;\n".repeat(MAX_FUNCTION);
    let function = [Source::new(
        "src/a.rs",
        format!("impl A {{ fn f() {{\n{body}}} }}"),
    )];
    assert_eq!(long_functions(&function).len(), 1);
    let distant = [Source::new("src/a/b.rs", "impl super::A { fn f() {} }")];
    assert_eq!(distant_impls(&distant).len(), 1);
    let unwrapped = [Source::new("src/a.rs", "fn f() { g().unwrap(); }")];
    assert_eq!(unfinished(&unwrapped).len(), 1);
}
