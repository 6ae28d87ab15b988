//! The site's files: those given, or `portwright.yaml`; the inventories that site files name, and
//! the exports of their guards.

use crate::args::SiteArgs;
use crate::input::{self, STDIN, Stop, stop};
use portwright::catalog::builtin;
use portwright::engine::{
    self, DetectRequest, DetectResult, Document, ExportInput, Outcome, Request, SiteInput,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The site file that is found from the working directory upwards.
const FILE: &str = "portwright.yaml";

/// A site as it was read, and what its files declare.
pub struct Project {
    /// For the engine.
    pub site: SiteInput,
    declared: DetectResult,
}

impl Project {
    /// Reads the site files, and the inventories that they name.
    pub fn read(args: &SiteArgs) -> Result<Self, Stop> {
        let paths = if args.sites.is_empty() {
            vec![find()?]
        } else {
            args.sites.clone()
        };
        let (catalog, catalogs) = catalog(args.catalog.as_deref())?;
        let mut project = Self {
            site: SiteInput {
                documents: input::read_all(&paths)?,
                catalog,
                catalogs,
                parameters: args.set.clone(),
                mode: args.mode.map(Into::into),
                language: args.lang.into(),
            },
            declared: DetectResult {
                documents: Vec::new(),
                guards: Vec::new(),
                inventories: Vec::new(),
            },
        };
        let mut known: BTreeSet<PathBuf> = paths.iter().map(|path| identity(path)).collect();
        // Inventories may be site files that name further ones; each is read once.
        loop {
            project.detect();
            let named = project.declared.inventories.iter();
            let named = named.map(|one| beside(&one.path, one.declared_in.as_deref()));
            let new: Vec<String> = named.filter(|path| known.insert(identity(path))).collect();
            if new.is_empty() {
                return Ok(project);
            }
            project.site.documents.extend(input::read_all(&new)?);
        }
    }

    /// The exports that the site declares under `guards`, those of one host or boundary together.
    pub fn guarded(&self, dialect: Option<&str>) -> Result<Vec<ExportInput>, Stop> {
        let mut exports: Vec<ExportInput> = Vec::new();
        for guard in &self.declared.guards {
            let from = guard.declared_in.as_deref();
            let paths: Vec<String> = guard
                .exports
                .iter()
                .map(|path| beside(path, from))
                .collect();
            let documents = input::read_all(&paths)?;
            let same =
                |one: &&mut ExportInput| one.host == guard.host && one.between == guard.between;
            match exports.iter_mut().find(same) {
                Some(one) => one.documents.extend(documents),
                None => exports.push(ExportInput {
                    documents,
                    host: guard.host.clone(),
                    between: guard.between.clone(),
                    dialect: dialect.map(Into::into),
                }),
            }
        }
        Ok(exports)
    }

    fn detect(&mut self) {
        let request = DetectRequest {
            documents: Vec::new(),
            site: Some(self.site.clone()),
        };
        if let Some(Outcome::Detect(declared)) = engine::call(&Request::Detect(request)).result {
            self.declared = declared;
        }
    }
}

/// A built-in catalogue's name, or the name and text of a catalogue file.
pub fn catalog(given: Option<&str>) -> Result<(Option<String>, Vec<Document>), Stop> {
    let Some(given) = given else {
        return Ok((None, Vec::new()));
    };
    if builtin::text(given).is_some() {
        return Ok((Some(given.into()), Vec::new()));
    }
    if given != "-" && !Path::new(given).exists() {
        let names: Vec<_> = builtin::names().collect();
        return Err(stop(
            format!("`{given}` is neither a built-in catalogue nor a file"),
            format!("the built-in ones are {}", names.join(", ")),
        ));
    }
    let document = input::read(given)?;
    let name = declared_name(&document);
    Ok((name, vec![document]))
}

/// The name that a catalogue file gives itself.
pub fn declared_name(document: &Document) -> Option<String> {
    let mut sources = portwright::source::Sources::default();
    let id = sources.add(&*document.name, &*document.text);
    let read = portwright::catalog::document(&sources, id);
    // What is wrong with it is said when the engine reads it.
    read.ok().map(|read| read.catalog)
}

/// `portwright.yaml` in the working directory or above.
fn find() -> Result<String, Stop> {
    let here = std::env::current_dir().map_err(|error| {
        let message = format!("the working directory cannot be read: {error}");
        stop(message, "give the site files")
    })?;
    for (up, folder) in here.ancestors().enumerate() {
        if folder.join(FILE).is_file() {
            return Ok(format!("{}{FILE}", "../".repeat(up)));
        }
    }
    Err(stop(
        format!("no site is given, and there is no {FILE} here or above"),
        "give inventories or site files, for example `portwright lint site.yaml`",
    ))
}

/// A path as written in a document, relative to that document.
fn beside(path: &str, document: Option<&str>) -> String {
    let folder = document
        .filter(|name| *name != STDIN)
        .and_then(|name| Path::new(name).parent());
    match folder {
        Some(folder) => folder.join(path).to_string_lossy().into_owned(),
        None => path.to_owned(),
    }
}

/// The same for two spellings of one path.
fn identity(path: &str) -> PathBuf {
    Path::new(path)
        .canonicalize()
        .unwrap_or_else(|_| path.into())
}
