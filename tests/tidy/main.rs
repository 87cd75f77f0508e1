//! Rules that a machine can check: ranks of folders, one folder for each
//! foreign crate, sizes, prose, documents in step with the tree.
//!
//! Each rule is a function from sources to violations. One test runs it on the
//! repository and expects none; another runs it on a sample that breaks the
//! rule and expects one.

mod borders;
mod documents;
mod prose;
mod ranks;
mod shape;
mod source;

/// Fails with all violations, one a line.
fn expect_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}
