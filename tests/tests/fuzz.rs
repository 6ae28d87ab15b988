//! Every input that the fuzzer starts from or once failed on, through its target.
#![expect(clippy::disallowed_methods, reason = "tests read their fixtures")]

use portwright_tests::fuzz;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Files below `folder`, in any depth.
fn files(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder of fixtures") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, visit);
        } else {
            visit(&path);
        }
    }
}

#[test]
fn every_fixture_passes_its_target() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for target in fuzz::all() {
        let own = [target.name.to_owned(), format!("fuzz/{}", target.name)];
        let shared = target.seeds.iter().map(|&folder| folder.to_owned());
        let folders = own.into_iter().chain(shared).map(|f| fixtures.join(f));
        let mut inputs = 0;
        for folder in folders.filter(|folder| folder.is_dir()) {
            files(&folder, &mut |file| {
                target.run(&fs::read(file).expect("a fixture"));
                inputs += 1;
            });
        }
        assert!(inputs > 0, "`{}` has nothing to start from", target.name);
    }
}

#[test]
fn targets_have_names_of_their_own() {
    let names: BTreeSet<&str> = fuzz::all().map(|target| target.name).collect();
    assert_eq!(names.len(), fuzz::all().count());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
    for entry in fs::read_dir(folder).expect("a folder of fixtures") {
        let name = entry.expect("an entry").file_name();
        assert!(
            name.to_str().is_some_and(|name| names.contains(name)),
            "no target is named {name:?}"
        );
    }
}
