//! What made each layer, in words that may be shown.

use super::engine::Engine;
use super::scan::Scanner;
use crate::oci::Image;

/// Characters of a step that are shown: it is told of every secret.
const MAX_STEP: usize = 200;

/// The rows of a history without secrets, and which made which layer.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    rows: Vec<String>,
    of_layers: Vec<usize>,
}

impl Steps {
    /// Those of `image`, secrets in them replaced. Nothing is told of layers when the history has not a row for each.
    pub fn new(image: &Image, engine: &Engine) -> Self {
        let mut scanner = Scanner::new(engine);
        let history = image.config.history().unwrap_or_default();
        let of_layers: Vec<usize> = (0..history.len()).filter(|row| !history[*row].is_empty_layer()).collect();
        let fits = of_layers.len() == image.layers.len();
        let mut show = |text: String| {
            let shown = scanner.conceal(&text);
            match shown.char_indices().nth(MAX_STEP) {
                Some((end, _)) => format!("{}…", &shown[..end]),
                None => shown,
            }
        };
        let rows = history.iter().map(|row| show(row.created_by())).collect();
        Self { rows, of_layers: if fits { of_layers } else { Vec::new() } }
    }

    /// What a row of the history says, oldest 0.
    pub fn row(&self, row: usize) -> Option<&str> {
        self.rows.get(row).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// What made the layer at `position`, oldest 0.
    pub fn of_layer(&self, position: usize) -> Option<&str> {
        self.row(*self.of_layers.get(position)?)
    }
}
