//! The pages, in a browser: nothing is complained of, zooming and searching work, and what an image says runs nothing.

use std::path::PathBuf;

use serde_json::json;

use super::browser::Browser;
use crate::render::{HOSTILE, hostile, image};
use crate::support::archive::{Form, Image};
use crate::support::run::{Place, command};

/// The page of what these arguments ask for, run in a place of its own.
fn page(place: &Place, arguments: &[&str]) -> PathBuf {
    let output = command().current_dir(place.path("")).args(arguments).args(["-q", "--html", "page.html"]).output();
    let output = output.unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    place.path("page.html")
}

/// An image with something to see in it.
fn seen() -> Image {
    let big = "x".repeat(60_000);
    image(&format!(
        "layer\n f usr/lib/a/one \"{big}\"\n f usr/lib/a/two \"{big}\"\n f usr/share/doc \"{big}\"\n f tmp/gone \"{big}\"\n\
         layer\n f app/main \"{big}\"\n f tmp/.wh.gone\n f usr/share/doc \"1\""
    ))
}

#[test]
#[ignore = "needs Chromium: tests/run"]
fn the_page_of_an_inspection_zooms_searches_and_filters() {
    let place = Place::new();
    place.write("in.tar", &seen().save(Form::Docker));
    let mut browser = Browser::start();
    let page = page(&place, &["inspect", "in.tar"]);
    for (width, scheme) in [(1280, "light"), (390, "dark"), (390, "light"), (1280, "dark")] {
        browser.resize(width, scheme);
        browser.open(&page);
        let wide = browser.value("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} at {width}");
        let drawn = browser.value(
            "(() => { const c = document.querySelector('.map canvas'); \
             const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
             return new Set(new Uint32Array(d.buffer)).size; })()",
        );
        assert!(drawn.as_u64().unwrap() > 3, "the map has {drawn} colours");
    }
    assert_eq!(browser.value("document.querySelector('h1').textContent"), json!("app:1"));
    // By keyboard into the largest folder, and out again.
    let crumbs = "document.querySelector('.crumbs').textContent";
    let status = "document.querySelector('.map + .status').textContent";
    browser.value("document.querySelector('.map canvas').focus()");
    assert!(browser.value(status).as_str().unwrap().starts_with("/usr/: 120 kB"), "{}", browser.value(status));
    browser.press("Enter");
    browser.drawn();
    assert!(browser.value(crumbs).as_str().unwrap().starts_with("/usr"), "{}", browser.value(crumbs));
    browser.press("Escape");
    browser.drawn();
    assert!(browser.value(crumbs).as_str().unwrap().starts_with("/180 kB"), "{}", browser.value(crumbs));
    // By mouse.
    browser.click(".switch button:nth-child(2)");
    assert!(browser.value(status).as_str().unwrap().starts_with("/: 120 kB in 2 files"), "{}", browser.value(status));
    browser.click(".switch button:nth-child(1)");
    // The table: words, fields, and what is no number.
    let rows = "document.querySelectorAll('table.files tbody tr').length";
    assert_eq!(browser.value(rows), json!(6));
    browser.click("#search");
    browser.type_text("state:hidden size:>1k");
    assert_eq!(browser.value(rows), json!(2));
    browser.value("document.querySelector('#search').value = ''");
    browser.click("#search");
    browser.type_text("size:large");
    let problem = browser.value("document.querySelector('.problem').textContent");
    assert_eq!(problem, json!("size: expects a number, as in size:>1M"));
    browser.press("Escape");
    browser.drawn();
    assert_eq!(browser.value(rows), json!(6));
    // A layer alone.
    browser.click(".layers tbody tr:nth-child(2) button");
    assert_eq!(browser.value(rows), json!(2));
    browser.click(".filter button");
    assert_eq!(browser.value(rows), json!(6));
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
#[ignore = "needs Chromium: tests/run"]
fn what_an_image_says_is_text_and_runs_nothing() {
    let place = Place::new();
    place.write("in.tar", &hostile());
    place.write("other.tar", &seen().save(Form::Docker));
    let mut browser = Browser::start();
    for arguments in [&["inspect", "in.tar"][..], &["diff", "other.tar", "in.tar"]] {
        let page = page(&place, arguments);
        browser.open(&page);
        // Everything is in the document that the page can show.
        browser.value("document.querySelectorAll('details').forEach((details) => { details.open = true; })");
        let made = browser.value("document.querySelectorAll('img, a, iframe, main script, main b b, object').length");
        assert_eq!(made, json!(0));
        assert_eq!(browser.value("document.scripts.length"), json!(2));
        let text = browser.value("document.body.innerText");
        let text = text.as_str().unwrap();
        for name in [HOSTILE[0], HOSTILE[7], HOSTILE[8]] {
            let shown = name.replace('\\', "\\\\");
            assert!(text.contains(&shown), "{shown} is not in {text}");
        }
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
    }
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
#[ignore = "needs Chromium: tests/run"]
fn the_policy_lets_nothing_else_run() {
    let place = Place::new();
    place.write("in.tar", &seen().save(Form::Docker));
    let page = page(&place, &["inspect", "in.tar"]);
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replace("</body>", "<script>document.title = 'run'</script></body>")).unwrap();
    let mut browser = Browser::start();
    browser.open(&page);
    assert_ne!(browser.value("document.title"), json!("run"));
    assert!(browser.complaints().iter().any(|complaint| complaint.contains("Content Security Policy")));
}

#[test]
#[ignore = "needs Chromium: tests/run"]
fn the_page_of_a_difference_shows_what_grew_shrank_came_and_went() {
    let place = Place::new();
    let big = "x".repeat(60_000);
    place.write(
        "a.tar",
        &image(&format!("layer\n f gone \"{big}\"\n f less \"{big}\"\n f more \"1\"\n f mode \"1\""))
            .save(Form::Docker),
    );
    place.write(
        "b.tar",
        &image(&format!("layer\n f came \"{big}\"\n f less \"1\"\n f more \"{big}\"\n f mode mode=0600 \"1\""))
            .save(Form::Docker),
    );
    let mut browser = Browser::start();
    let page = page(&place, &["diff", "a.tar", "b.tar", "--ignore", "mtime"]);
    browser.open(&page);
    let changes = "[...document.querySelectorAll('table.files tbody tr')].map((row) => row.children[0].textContent + row.children[1].textContent).sort()";
    let expected = ["/came added", "/gone removed", "/less shrunk", "/mode changed", "/more grown"];
    assert_eq!(browser.value(changes), json!(expected));
    let legend = browser.value("document.querySelector('.legend').textContent");
    for word in ["added", "removed", "grown", "shrunk"] {
        assert!(legend.as_str().unwrap().contains(word), "{legend}");
    }
    browser.click("#search");
    browser.type_text("change:grown");
    assert_eq!(browser.value(changes), json!(["/more grown"]));
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
#[ignore = "needs Chromium: tests/run"]
fn a_hundred_thousand_files_have_room_and_are_drawn() {
    let place = Place::new();
    let files: String = (0..100_000)
        .map(|at| format!(" f usr/lib/python3/dist-packages/package{}/module_{at}.py \"{}\"\n", at / 40, at % 7))
        .collect();
    place.write("in.tar", &image(&format!("layer\n{files}")).save(Form::Docker));
    let page = page(&place, &["inspect", "in.tar"]);
    let bytes = std::fs::metadata(&page).unwrap().len();
    assert!((1 << 20..8_000_000).contains(&bytes), "{bytes}");
    let mut browser = Browser::start();
    browser.open(&page);
    let status = browser.value("document.querySelector('#files .status').textContent");
    assert!(status.as_str().unwrap().starts_with("100\u{202f}000 files"), "{status}");
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
