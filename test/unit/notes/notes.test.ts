import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { changeTags, tagProblem, withTags } from '../../../src/core/experiment/changeTags';
import { readNotes, tagLines } from '../../../src/core/experiment/notes';
import { NoteError } from '../../../src/core/experiment/runNotes';
import { FileContentError } from '../../../src/core/jsonText';

const notes = (text: string): ReturnType<typeof readNotes> => readNotes(new TextEncoder().encode(text));
const tagsOf = (text: string): readonly string[] => notes(text).tags;
const withTag = (text: string, tag: string): string | null => withTags(text, (tags) => [...tags, tag]);
const withoutTag = (text: string, tag: string): string | null =>
  withTags(text, (tags) => tags.filter((each) => each !== tag));

/** Texts as people and other programs write them. */
const TEXTS = [
  '',
  'Plain words\n',
  '# Heading\n\n- item\n',
  '---\n\nA rule at the top.\n\n---\n\nAnd another.\n',
  '---\ntitle: My run\n# a comment\ntags:\n  - keep\n  - "two words"\naliases: [x]\n---\nBody\n',
  '---\r\ntags: [a, b]\r\n---\r\nBody\r\n',
  '---\ntags: a, b # both\n---\n',
  '---\ntags:\n---\nBody',
  '---\ntitle: none\n...\nBody',
];

describe('notes.md', () => {
  it('has its tags in its front matter, however they are written, and says something in its first line', () => {
    assert.deepEqual(notes('---\ntags: [keep, "two words", \'x\', keep]\n---\n\n# The baseline\nmore'), {
      tags: ['keep', 'two words', 'x'],
      summary: 'The baseline',
    });
    assert.deepEqual(tagsOf(TEXTS[4]!), ['keep', 'two words']);
    assert.deepEqual(tagsOf(TEXTS[5]!), ['a', 'b']);
    assert.deepEqual(tagsOf(TEXTS[6]!), ['a', 'b']);
    assert.deepEqual(tagsOf('---\ntags:\n- a\n- b\nmore: 1\n---\n'), ['a', 'b']);
    assert.deepEqual(tagsOf('---\ntags: "#keep"\n---\n'), ['keep']);
    assert.equal(notes('---\n***\n\n> Quoted\n').summary, 'Quoted');
    assert.equal(notes(TEXTS[4]!).summary, 'Body');
    assert.deepEqual(notes(''), { tags: [], summary: '' });
  });

  it('has none where what looks like front matter is text, or is not understood', () => {
    for (const text of [
      TEXTS[3]!,
      '---\nJust a rule.',
      'tags: [a]\n',
      '---\ntags: {a: b}\n---\n',
      '---\ntags: [a,\n  b]\n---\n',
    ])
      assert.deepEqual(tagsOf(text), [], text);
    assert.equal(notes(TEXTS[3]!).summary, 'A rule at the top.');
    assert.throws(() => readNotes(Uint8Array.of(0x61, 0xff, 0xfe, 0x62)), FileContentError);
  });

  it('gets tags and keeps every other line as it was', () => {
    assert.equal(withTag('', 'keep'), '---\ntags: [keep]\n---\n');
    assert.equal(withTag('Text\n', 'two words'), '---\ntags: ["two words"]\n---\nText\n');
    assert.equal(withTag(TEXTS[5]!, 'c'), '---\r\ntags: [a, b, c]\r\n---\r\nBody\r\n');
    assert.equal(
      withTag(TEXTS[4]!, '2026'),
      '---\ntitle: My run\n# a comment\ntags: [keep, "two words", "2026"]\naliases: [x]\n---\nBody\n',
    );
    assert.equal(withTag(TEXTS[8]!, 'a'), '---\ntitle: none\ntags: [a]\n...\nBody');
    assert.equal(withoutTag('---\ntags: [keep]\n---\nText', 'keep'), 'Text');
    assert.equal(withoutTag('---\ntitle: x\ntags: [keep]\n---\nText', 'keep'), '---\ntitle: x\n---\nText');
    assert.equal(withoutTag('---\ntags: [a]\n---\n', 'b'), null);
    assert.throws(() => withTag('---\na: 1\ntags: {a: b}\n---\n', 'c'), /line 3/);
  });

  it('is, after any tags were given and taken away again, what it was', () => {
    const tag = fc.stringMatching(/^[\p{L}\p{N}][\p{L}\p{N} ._/+-]{0,12}$/u).map((text) => text.trim());
    const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary-ascii' }), fc.string());
    fc.assert(
      fc.property(text, fc.uniqueArray(tag, { minLength: 1, maxLength: 5 }), (before, tags) => {
        const { tags: had, head, lines } = tagLines(before);
        if (had === null) return;
        const added = tags.filter((each) => !had.includes(each) && tagProblem(each) === undefined);
        if (added.length === 0) return;
        const changed = withTags(before, (all) => [...all, ...added]);
        assert.ok(changed !== null);
        assert.deepEqual([...(tagLines(changed).tags ?? [])].sort(), [...had, ...added].sort());
        const body = lines.slice(head).join('\n');
        assert.ok(changed.endsWith(body), 'what people wrote is as it was');
        const back = withTags(changed, (all) => all.filter((each) => !added.includes(each)));
        assert.ok(back !== null);
        if (head === 0) assert.equal(back, before);
        assert.deepEqual(tagLines(back).tags, had);
      }),
    );
  });

  it('refuses tags that it could not keep', () => {
    for (const wrong of ['', 'a,b', '[a]', '"a"', '#a', '-a', 'a:b', 'a\nb', 'x'.repeat(41), 'a\u202eb'])
      assert.ok(tagProblem(wrong) !== undefined, JSON.stringify(wrong));
    for (const right of ['keep', 'v1.2', 'übung', '日本', 'a b', 'lr/1e-5', '2026-11-27', 'x+y'])
      assert.equal(tagProblem(right), undefined, right);
  });

  describe('on disk', () => {
    let run: string;
    const file = (): string => path.join(run, 'notes.md');
    beforeEach(async () => {
      run = await mkdtemp(path.join(tmpdir(), 'npt-notes-'));
    });
    afterEach(() => rm(run, { recursive: true }));

    it('is made, changed by many at once, and nothing stays beside it', async () => {
      const tags = Array.from({ length: 12 }, (_, i) => `tag${i}`);
      await Promise.all(tags.map((tag) => changeTags(run, { add: [tag] })));
      assert.deepEqual([...notes(await readFile(file(), 'utf8')).tags].sort(), [...tags].sort());
      await changeTags(run, { add: ['tag1', 'new'], remove: tags.slice(2) });
      assert.deepEqual(notes(await readFile(file(), 'utf8')).tags, ['tag0', 'tag1', 'new']);
      assert.deepEqual(await readdir(run), ['notes.md']);
    });

    it('keeps its byte order mark and is not touched where it is no UTF-8 text', async () => {
      await writeFile(file(), '\ufeffText');
      await changeTags(run, { add: ['a'] });
      assert.equal(await readFile(file(), 'utf8'), '\ufeff---\ntags: [a]\n---\nText');
      const others = [
        Buffer.from('\ufeffText', 'utf16le'),
        Buffer.from([0x61, 0xff, 0x62]),
        Buffer.from('---\ntags: {a: b}\n---\n'),
      ];
      for (const content of others) {
        await writeFile(file(), content);
        await assert.rejects(changeTags(run, { add: ['a'] }), (error: unknown) => {
          assert.ok(error instanceof NoteError && error.message.includes('notes.md') && !error.message.includes('\n'));
          return true;
        });
        assert.deepEqual(await readFile(file()), content);
      }
    });
  });
});
