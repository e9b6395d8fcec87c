//! A headless Chromium, driven over its debugging pipe: JSON with a zero byte at its end, on the files 3 and 4.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::run::Place;

/// A browser with one page.
pub(super) struct Browser {
    _place: Place,
    process: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    calls: u64,
    events: VecDeque<Value>,
}

impl Browser {
    pub(super) fn start() -> Self {
        let place = Place::new();
        for pipe in ["to", "from"] {
            assert!(Command::new("mkfifo").arg(place.path(pipe)).status().unwrap().success());
        }
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                      --hide-scrollbars --user-data-dir=\"$PWD/profile\" --remote-debugging-pipe 3<to 4>from";
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(place.path(""));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Each waits for the other end.
        let to = OpenOptions::new().write(true).open(place.path("to")).unwrap();
        let from = BufReader::new(File::open(place.path("from")).unwrap());
        let mut browser = Self { _place: place, process, to, from, session: None, calls: 0, events: VecDeque::new() };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime.enable", "Log.enable", "Page.enable", "Network.enable"] {
            browser.call(domain, json!({}));
        }
        browser
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser is gone");
        serde_json::from_slice(&message).unwrap()
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        loop {
            let mut message = self.receive();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push_back(message);
        }
    }

    /// Shows as wide a page as that, in a colour scheme.
    pub(super) fn resize(&mut self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Opens a file and waits until it is drawn.
    pub(super) fn open(&mut self, path: &Path) {
        self.call("Page.navigate", json!({"url": format!("file://{}", path.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.receive();
            self.events.push_back(event);
        }
        self.drawn();
    }

    /// Waits until what was begun is on the screen.
    pub(super) fn drawn(&mut self) {
        self.value("new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done, 0)), 200))");
    }

    /// What an expression is on the page.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result:#}");
        result["result"]["value"].clone()
    }

    /// Presses a key.
    pub(super) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({"type": kind, "key": key, "code": key}));
        }
    }

    /// Types into what has the focus.
    pub(super) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
        self.drawn();
    }

    /// Clicks what a selector finds.
    pub(super) fn click(&mut self, selector: &str) {
        let selector = json!(selector);
        let place = self.value(&format!(
            "(() => {{ const e = document.querySelector({selector}); e.scrollIntoView({{block: 'center'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let at = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", at);
        }
        self.drawn();
    }

    /// What the page complained of, and what it asked the network for.
    pub(super) fn complaints(&mut self) -> Vec<String> {
        let is_one = |event: &&Value| {
            let is_local = |url: &str| url.starts_with("file:") || url.starts_with("data:");
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded" => true,
                "Page.javascriptDialogOpening" => true,
                "Network.requestWillBeSent" => !is_local(event["params"]["request"]["url"].as_str().unwrap()),
                _ => false,
            }
        };
        self.events.iter().filter(is_one).map(Value::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
