//! ELF files with as much in them as a loader looks at.

/// What an ELF file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elf {
    /// What loads it.
    pub(crate) loader: Option<&'static str>,
    /// The libraries it needs.
    pub(crate) needed: Vec<&'static str>,
    /// Where it looks for them.
    pub(crate) runpath: Option<&'static str>,
    /// Where it and what it loads look for them.
    pub(crate) rpath: Option<&'static str>,
    /// Other names in it, such as paths that it opens.
    pub(crate) names: Vec<&'static str>,
    /// For 32 bits and another order of bytes.
    pub(crate) is_foreign: bool,
}

impl Elf {
    /// A program that glibc's loader loads.
    pub(crate) fn program(needed: &[&'static str]) -> Self {
        Self { loader: Some("/lib64/ld-linux-x86-64.so.2"), needed: needed.to_vec(), ..Self::default() }
    }

    /// A library.
    pub(crate) fn library(needed: &[&'static str]) -> Self {
        Self { needed: needed.to_vec(), ..Self::default() }
    }

    /// The same, with other names in it.
    pub(crate) fn naming(self, names: &[&'static str]) -> Self {
        Self { names: names.to_vec(), ..self }
    }

    /// The file: a header, three program headers, the path of the loader, names, the dynamic table.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let number = |value: u64, len: usize| -> Vec<u8> {
            let bytes = value.to_le_bytes()[..len].to_vec();
            if self.is_foreign { bytes.into_iter().rev().collect() } else { bytes }
        };
        let wide = if self.is_foreign { 4 } else { 8 };
        let (header, segment): (u64, u64) = if self.is_foreign { (52, 32) } else { (64, 56) };
        let mut strings = vec![0];
        let mut add = |text: &str| {
            let at = strings.len() as u64;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let needed: Vec<u64> = self.needed.iter().map(|name| add(name)).collect();
        let paths: Vec<(u64, u64)> = [(29, self.runpath), (15, self.rpath)]
            .iter()
            .filter_map(|(tag, text)| Some((*tag, add((*text)?))))
            .collect();
        self.names.iter().for_each(|name| _ = add(name));
        let interp = self.loader.map(|path| [path.as_bytes(), b"\0"].concat()).unwrap_or_default();
        let interp_at = header + 3 * segment;
        let strings_at = interp_at + interp.len() as u64;
        let dynamic_at = strings_at + strings.len() as u64;
        let entry = |tag: u64, value: u64| [number(tag, wide), number(value, wide)].concat();
        let mut dynamic: Vec<u8> = needed.iter().flat_map(|at| entry(1, *at)).collect();
        dynamic.extend(paths.iter().flat_map(|(tag, at)| entry(*tag, *at)));
        dynamic.extend(entry(5, strings_at));
        dynamic.extend(entry(10, strings.len() as u64));
        dynamic.extend(entry(0, 0));
        let end = dynamic_at + dynamic.len() as u64;
        let part = |kind: u64, at: u64, len: u64| -> Vec<u8> {
            let (at, len) = (number(at, wide), number(len, wide));
            if self.is_foreign {
                [number(kind, 4), at.clone(), at.clone(), at, len.clone(), len, number(4, 4), number(1, 4)].concat()
            } else {
                [number(kind, 4), number(4, 4), at.clone(), at.clone(), at, len.clone(), len, number(1, 8)].concat()
            }
        };
        let interp_kind = if interp.is_empty() { 0 } else { 3 };
        let mut file = b"\x7fELF".to_vec();
        file.extend(if self.is_foreign { [1, 2, 1] } else { [2, 1, 1] });
        file.extend([0; 9]);
        file.extend([number(3, 2), number(if self.is_foreign { 21 } else { 62 }, 2), number(1, 4)].concat());
        file.extend([number(0, wide), number(header, wide), number(0, wide), number(0, 4)].concat());
        let halves = [header, segment, 3, 0, 0, 0];
        file.extend(halves.iter().flat_map(|half| number(*half, 2)));
        file.extend(part(1, 0, end));
        file.extend(part(interp_kind, interp_at, interp.len() as u64));
        file.extend(part(2, dynamic_at, dynamic.len() as u64));
        [file, interp, strings, dynamic].concat()
    }
}
