//! Ranks of folders: an import goes only to a lower rank, so there are no
//! circles.

use std::collections::{BTreeMap, BTreeSet};

use super::expect_none;
use super::source::{Source, named_paths, sources};

/// Subsystems of the engine, the lowest rank first. Those of one rank do not
/// import each other.
const ENGINE: [&[&str]; 5] = [
    &["ids", "io_failure", "throughput", "units"],
    &["media"],
    &["integrity", "protocol"],
    &["catalogue", "store"],
    &["library", "player", "scheduler", "swarm", "tracker"],
];

/// Folders of the program, the lowest rank first.
const PROGRAM: [&[&str]; 10] = [
    &["config", "ffmpeg", "runtime", "wire"],
    &["net", "store"],
    &["tracker", "tracker_client"],
    &["library", "swarm"],
    &["scheduler"],
    &["handles"],
    &["http"],
    &["app", "player"],
    &["gui"],
    &["cli"],
];

/// Parts of the window, the lowest rank first. Views do not import each other.
const WINDOW: [&[&str]; 8] = [
    &["ui"],
    &["charts", "settings_file", "text"],
    &["desktop"],
    &["models"],
    &["bridge"],
    &["context"],
    &["views"],
    &["window"],
];

fn rank(ranks: &[&[&str]], part: &str) -> Option<usize> {
    ranks.iter().position(|parts| parts.contains(&part))
}

/// Modules of the same crate that a source imports, as paths below its root.
fn imports(source: &Source) -> BTreeSet<Vec<String>> {
    let module = source.module();
    let absolute = |path: Vec<String>| match path.first().map(String::as_str) {
        Some("crate") => Some(path[1..].to_vec()),
        Some("super") => {
            let up = path.iter().take_while(|part| *part == "super").count();
            let base = module.len().checked_sub(up)?;
            Some([&module[..base], &path[up..]].concat())
        }
        _ => None,
    };
    named_paths(source)
        .into_iter()
        .filter_map(absolute)
        .collect()
}

/// Imports that do not go to a lower rank, `level` path segments deep.
fn climbs(sources: &[Source], ranks: &[&[&str]], level: usize) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let module = source.module();
        let Some(part) = module.get(level) else {
            continue;
        };
        let path = source.path.display();
        let Some(own) = rank(ranks, part) else {
            violations.push(format!("{path}: `{part}` has no rank"));
            continue;
        };
        for import in imports(source) {
            let Some(other) = import
                .get(level)
                .filter(|_| import[..level] == module[..level])
            else {
                continue;
            };
            if let Some(other_rank) = rank(ranks, other)
                && other != part
                && other_rank >= own
            {
                violations.push(format!(
                    "{path}: `{part}` imports `{other}`, which is not lower"
                ));
            }
        }
    }
    violations
}

#[test]
fn engine_imports_go_down() {
    let mut sources = sources(&["engine/src"]);
    sources.retain(|source| !source.path.ends_with("fixtures.rs"));
    expect_none(&climbs(&sources, &ENGINE, 0));
}

#[test]
fn program_imports_go_down() {
    expect_none(&climbs(&sources(&["src"]), &PROGRAM, 0));
}

#[test]
fn window_imports_go_down() {
    let mut sources = sources(&["src/gui"]);
    // `run` wires all parts.
    sources.retain(|source| !source.path.ends_with("gui/run.rs"));
    expect_none(&climbs(&sources, &WINDOW, 1));
}

/// Imports of one view by another.
fn entangled_views(sources: &[Source]) -> Vec<String> {
    let views = sources
        .iter()
        .filter(|source| source.path.starts_with("src/gui/views"));
    let mut violations = Vec::new();
    for view in views.filter(|view| !view.is_test()) {
        let own = view.module();
        for import in imports(view) {
            let other = import.get(2).filter(|_| import.starts_with(&own[..2]));
            if let Some(other) = other.filter(|other| own.get(2).is_some_and(|own| own != *other))
                && other.chars().all(|c| c.is_lowercase() || c == '_')
                && other != "list_model"
            {
                violations.push(format!("{}: imports view `{other}`", view.path.display()));
            }
        }
    }
    violations
}

#[test]
fn views_do_not_import_each_other() {
    expect_none(&entangled_views(&sources(&["src/gui/views"])));
}

/// Modules that import themselves by way of others. A contract that re-exports its
/// children does not count.
fn circles(sources: &[Source]) -> Vec<String> {
    let named: BTreeMap<Vec<String>, &Source> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| (source.module(), source))
        .collect();
    let target = |path: &[String]| {
        let lengths = (1..=path.len()).rev();
        lengths
            .map(|length| path[..length].to_vec())
            .find(|path| named.contains_key(path))
    };
    let arrows: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = named
        .iter()
        .map(|(module, source)| {
            let paths = imports(source);
            let targets = paths.iter().filter_map(|path| target(path));
            // Parents and children of one module are one idea.
            let foreign =
                targets.filter(|other| !other.starts_with(module) && !module.starts_with(other));
            (module.clone(), foreign.collect())
        })
        .collect();
    let reachable = |from: &Vec<String>| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Vec<String>> = arrows[from].iter().collect();
        while let Some(module) = open.pop() {
            if seen.insert(module.clone()) {
                open.extend(&arrows[module]);
            }
        }
        seen
    };
    let circular = arrows
        .keys()
        .filter(|module| reachable(module).contains(*module));
    circular.map(|module| module.join("::")).collect()
}

/// Pairs of files inside one folder that import each other. The list only shrinks:
/// a module that is no longer in a circle must leave it.
const REMAINING: [&str; 10] = [
    "config::load",
    "config::renamed",
    "library::actor",
    "library::sidecar_jobs",
    "player::pipeline::pacing",
    "player::pipeline::video",
    "scheduler::reader",
    "scheduler::streams",
    "store::actor",
    "store::write",
];

#[test]
fn engine_modules_form_no_circles() {
    expect_none(&circles(&sources(&["engine/src"])));
}

#[test]
fn program_modules_form_no_further_circles() {
    assert_eq!(circles(&sources(&["src"])), REMAINING);
}

#[test]
fn broken_samples_are_found() {
    let climbing = [Source::new(
        "engine/src/media/info.rs",
        "use crate::protocol::Hello;",
    )];
    assert_eq!(climbs(&climbing, &ENGINE, 0).len(), 1);
    let sideways = [Source::new(
        "engine/src/swarm/session.rs",
        "fn f() { crate::scheduler::g(); }",
    )];
    assert_eq!(climbs(&sideways, &ENGINE, 0).len(), 1);
    let upward = [Source::new(
        "src/store/actor.rs",
        "use crate::{swarm::Swarm, runtime};",
    )];
    assert_eq!(climbs(&upward, &PROGRAM, 0).len(), 1);
    let unknown = [Source::new("src/misc.rs", "")];
    assert_eq!(climbs(&unknown, &PROGRAM, 0).len(), 1);
    let window = [Source::new(
        "src/gui/models/rows.rs",
        "use crate::gui::views::queue;",
    )];
    assert_eq!(climbs(&window, &WINDOW, 1).len(), 1);
    let views = [Source::new(
        "src/gui/views/queue.rs",
        "use super::tracks::names;",
    )];
    assert_eq!(entangled_views(&views).len(), 1);
    let circle = [
        Source::new("src/net/link.rs", "use super::dial::dial;"),
        Source::new("src/net/dial.rs", "use crate::net::link::Link;"),
    ];
    assert_eq!(circles(&circle).len(), 2);
}
