// Packs files into an archive as APS exports it, unpressed.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

// filesOf returns the files of a folder as zip takes them.
export function filesOf(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile()).sort();
  return names.map((name) => [name, readFileSync(join(folder, name))]);
}

// zip takes pairs of a path and what is in it.
export function zip(files) {
  const parts = [], directory = [];
  let at = 0;
  for (const [path, content] of files) {
    const name = Buffer.from(path), data = Buffer.from(content), head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0); // the version that unpacks it
    head.writeUInt16LE(0x800, 2); // names are UTF-8
    head.writeUInt32LE(crc32(data), 10);
    head.writeUInt32LE(data.length, 14);
    head.writeUInt32LE(data.length, 18);
    head.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(at, 10);
    parts.push(Buffer.from('PK\x03\x04'), head, name, data);
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), head, entry, name);
    at += 30 + name.length + data.length;
  }
  const list = Buffer.concat(directory), end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, list, Buffer.from('PK\x05\x06'), end]);
}
