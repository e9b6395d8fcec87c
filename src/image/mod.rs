//! An image in hand: opened, read once, and written from what was read.
//!
//! ```text
//! Archive::open ──choose──> Catalog of images ──sources──> where each layer lies
//! read(sources) ──────────> Loaded layers and what they say; one that several images have is read once (Shelf)
//! write(plan)   ──────────> kept layers copied, new ones written
//! complete      ──────────> the documents; the output can be read back
//! finish        ──────────> everything in the target's place
//! ```

mod apart;
mod host;
mod minified;
mod open;
mod read;
mod shelf;
mod side;
mod waiting;
mod whole;
mod write;

pub use apart::{Apart, Forecast};
pub use host::{Host, Memory, Resources};
pub use minified::minify;
pub use open::{Archive, bases};
pub use read::{Loaded, Said, read};
pub use shelf::Shelf;
pub use side::{Pairs, Side, compared, pairs};
pub use whole::{Whole, seed};
pub use write::{Outcome, Output, complete, finals, finish, write};
