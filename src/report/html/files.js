// The files of an image: columns of numbers, as the page carries them, and the folders they are in.

/** Files and folders from their columns. Folder 0 is the root, and every folder comes after the one it is in. */
class Files {
  constructor(data) {
    this.data = data;
    this.count = data.bytes.length;
    const folderNames = data.folders === "" ? [] : data.folders.split("/");
    this.folderNames = ["", ...folderNames];
    this.up = Uint32Array.from(data.up);
    this.names = this.count === 0 ? [] : data.names.split("/");
    this.bytes = Float64Array.from(data.bytes);
    this.folder = new Uint32Array(this.count);
    this.firstFile = new Uint32Array(this.up.length + 1);
    data.count.forEach((number, folder) => {
      const first = this.firstFile[folder];
      this.firstFile[folder + 1] = first + number;
      this.folder.fill(folder, first, first + number);
    });
    // How many files a row stands for: small ones that the page has no room for are one row of their folder.
    this.many = new Map(data.many);
    this.collectFolders();
    this.folderPaths = [""];
    for (let folder = 1; folder < this.up.length; folder += 1) {
      this.folderPaths.push(`${this.folderPaths[this.up[folder]]}/${this.folderNames[folder]}`);
    }
  }

  /** The folders in each folder: `inner` from `firstInner[folder]` to `firstInner[folder + 1]`. */
  collectFolders() {
    const folders = this.up.length;
    this.firstInner = new Uint32Array(folders + 1);
    for (let folder = 1; folder < folders; folder += 1) this.firstInner[this.up[folder] + 1] += 1;
    for (let folder = 0; folder < folders; folder += 1) this.firstInner[folder + 1] += this.firstInner[folder];
    this.inner = new Uint32Array(Math.max(folders - 1, 0));
    const next = this.firstInner.slice();
    for (let folder = 1; folder < folders; folder += 1) this.inner[next[this.up[folder]]++] = folder;
  }

  /** The folders of a folder. */
  folders(folder) {
    return this.inner.subarray(this.firstInner[folder], this.firstInner[folder + 1]);
  }

  /** What a file is called. */
  name(file) {
    const many = this.many.get(file);
    return many === undefined ? this.names[file] : `(${plural(many, "smaller file")})`;
  }

  /** Files that a row stands for. */
  number(file) {
    return this.many.get(file) ?? 1;
  }

  path(file) {
    return `${this.folderPaths[this.folder[file]]}/${this.name(file)}`;
  }

  /** Sums of numbers of files by folder, those of inner folders included. */
  sums(weigh) {
    const sums = new Float64Array(this.up.length);
    for (let file = 0; file < this.count; file += 1) sums[this.folder[file]] += weigh(file);
    for (let folder = this.up.length - 1; folder > 0; folder -= 1) sums[this.up[folder]] += sums[folder];
    return sums;
  }
}
