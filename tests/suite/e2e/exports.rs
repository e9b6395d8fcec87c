//! Exports as other programs read them.

use std::process::Command;

use crate::render::{hostile, items};
use crate::support::run::{Place, command};

#[test]
#[ignore = "needs ncdu and gdu: tests/run"]
fn ncdu_and_gdu_read_what_is_exported() {
    let place = Place::new();
    place.write("in.tar", &hostile());
    let output = command().current_dir(place.path("")).args(["inspect", "in.tar", "-q", "--ncdu", "a.json"]).output();
    assert!(output.unwrap().status.success());
    // It reads all and writes it again.
    let ncdu = Command::new("ncdu").current_dir(place.path("")).args(["-0", "-f", "a.json", "-o", "b.json"]).output();
    let ncdu = ncdu.unwrap();
    assert!(ncdu.status.success(), "{ncdu:?}");
    let read =
        |name: &str| items(&std::fs::read_to_string(place.path(name)).unwrap().replace("\"ncdu\"", "\"imgsquash\""));
    assert!(read("a.json").len() > 30);
    assert_eq!(read("a.json"), read("b.json"));
    let gdu = Command::new("gdu").current_dir(place.path("")).args(["-n", "-c", "-f", "a.json"]).output().unwrap();
    let shown = String::from_utf8_lossy(&gdu.stdout).into_owned();
    assert!(gdu.status.success() && shown.contains("/d0") && shown.contains("/e"), "{gdu:?}");
}
