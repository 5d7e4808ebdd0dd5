// Writes a tiny language model that is real in all but size: a word-bigram table of the given texts as the weights of
// a llama (embedding: one-hot; attention and feed-forward: zero; output: log of the bigram's share). No training.
//   node make_weights.mjs OUT.gguf TEXT...
import { readFileSync, writeFileSync } from 'node:fs';

const vocabularySize = 1024;
const headSize = 64;
const feedForwardSize = 32;
const unlikely = -14; // log share of a pair that was never seen
const [begin, end, messageBegin, messageEnd] = [1, 2, 3, 4];
const special = ['<unk>', '<s>', '</s>', '<|im_start|>', '<|im_end|>'];

const [out, ...files] = process.argv.slice(2);
const text = files.map((file) => readFileSync(file, 'latin1')).join('\n').replace(/\s+/g, ' ');
const pieces = text.match(/ ?[A-Za-z]+|[^A-Za-z]/g) ?? [];

/// Special tokens, then every byte, then the most frequent words.
function makeVocabulary() {
  const printable = (byte) => byte >= 32 && byte < 127 && byte !== 92;
  const byteText = (byte) => (printable(byte) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`);
  const count = new Map();
  for (const p of pieces) if (p.length > 1) count.set(p, (count.get(p) ?? 0) + 1);
  const bytes = Array.from({ length: 256 }, (_, byte) => byteText(byte));
  const words = [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, vocabularySize - special.length - bytes.length).map(([word]) => word);
  const first = special.length + bytes.length;
  return { tokens: [...special, ...bytes, ...words], words: new Map(words.map((w, i) => [w, first + i])), count };
}

const { tokens, words, count } = makeVocabulary();
const size = tokens.length;
const bytesOf = (piece) => [...Buffer.from(piece, 'latin1')].map((byte) => special.length + byte);
const tokensOf = (piece) => (words.has(piece) ? [words.get(piece)] : bytesOf(piece));

/// pairs[a].get(b): how often b follows a.
function countPairs() {
  const pairs = Array.from({ length: size }, () => new Map());
  const add = (a, b, n = 1) => pairs[a].set(b, (pairs[a].get(b) ?? 0) + n);
  let before = begin;
  for (const piece of pieces) {
    for (const token of tokensOf(piece)) {
      add(before, token);
      before = token;
    }
    if (piece === '.') add(before, end, 2);
  }
  for (const start of [begin, messageBegin, messageEnd])
    pairs[start] = new Map([...words].filter(([w]) => /^ ?[A-Z]/.test(w)).map(([w, id]) => [id, count.get(w)]));
  return pairs;
}

/// IEEE half precision of a number without a fraction too fine for it.
function half(x) {
  const bits = new Uint32Array(new Float32Array([x]).buffer)[0];
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 255) - 112;
  if (exponent <= 0) return sign;
  return sign | ((exponent << 10) + (((bits & 0x7fffff) + 0x1000) >>> 13));
}

function outputWeights() {
  const root = Math.sqrt(size);
  const weights = new Uint16Array(size * size).fill(half(unlikely / root)); // [token out][token in]
  countPairs().forEach((followers, from) => {
    const total = [...followers.values()].reduce((a, b) => a + b, 0);
    for (const [to, n] of followers) weights[to * size + from] = half(Math.log(n / total) / root);
  });
  return weights;
}

function identity() {
  const weights = new Uint16Array(size * size);
  for (let i = 0; i < size; ++i) weights[i * size + i] = half(1);
  return weights;
}

const [typeF32, typeF16] = [0, 1];
const ones = () => ({ dimensions: [size], type: typeF32, data: new Float32Array(size).fill(1) });
const square = (data) => ({ dimensions: [size, size], type: typeF16, data });
const zeros = (a, b) => ({ dimensions: [a, b], type: typeF16, data: new Uint16Array(a * b) });
const tensors = {
  'token_embd.weight': square(identity()),
  'output.weight': square(outputWeights()),
  'output_norm.weight': ones(),
  'blk.0.attn_norm.weight': ones(),
  'blk.0.ffn_norm.weight': ones(),
  'blk.0.attn_q.weight': zeros(size, size),
  'blk.0.attn_k.weight': zeros(size, headSize),
  'blk.0.attn_v.weight': zeros(size, headSize),
  'blk.0.attn_output.weight': zeros(size, size),
  'blk.0.ffn_gate.weight': zeros(size, feedForwardSize),
  'blk.0.ffn_up.weight': zeros(size, feedForwardSize),
  'blk.0.ffn_down.weight': zeros(feedForwardSize, size),
};

const u32 = (x) => Buffer.from(new Uint32Array([x]).buffer);
const u64 = (x) => Buffer.from(new BigUint64Array([BigInt(x)]).buffer);
const string = (s) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);
const asU32 = (x) => [u32(4), u32(x)];
const asF32 = (x) => [u32(6), Buffer.from(new Float32Array([x]).buffer)];
const asFlag = (x) => [u32(7), Buffer.from([x ? 1 : 0])];
const asString = (s) => [u32(8), string(s)];
const asStrings = (list) => [u32(9), u32(8), u64(list.length), ...list.map(string)];
const asInts = (list) => [u32(9), u32(5), u64(list.length), Buffer.from(new Int32Array(list).buffer)];
const tokenKind = (i) => (i === 0 ? 2 : i < special.length ? 3 : 1);
const chatTemplate = '{% for m in messages %}<|im_start|>{{m.role}}\n{{m.content}}<|im_end|>\n{% endfor %}' +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';
const facts = {
  'general.architecture': asString('llama'),
  'general.name': asString('bigram-tiny'),
  'general.file_type': asU32(1),
  'llama.context_length': asU32(2048),
  'llama.embedding_length': asU32(size),
  'llama.block_count': asU32(1),
  'llama.feed_forward_length': asU32(feedForwardSize),
  'llama.attention.head_count': asU32(size / headSize),
  'llama.attention.head_count_kv': asU32(1),
  'llama.attention.layer_norm_rms_epsilon': asF32(1e-6),
  'llama.rope.dimension_count': asU32(headSize),
  'llama.vocab_size': asU32(size),
  'llama.pooling_type': asU32(1),
  'tokenizer.ggml.model': asString('rwkv'),
  'tokenizer.ggml.tokens': asStrings(tokens),
  'tokenizer.ggml.token_type': asInts(tokens.map((_, i) => tokenKind(i))),
  'tokenizer.ggml.bos_token_id': asU32(begin),
  'tokenizer.ggml.eos_token_id': asU32(end),
  'tokenizer.ggml.unknown_token_id': asU32(0),
  'tokenizer.ggml.eot_token_id': asU32(messageEnd),
  'tokenizer.ggml.add_bos_token': asFlag(false),
  'tokenizer.chat_template': asString(chatTemplate),
};

const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
const parts = [Buffer.from('GGUF'), u32(3), u64(Object.keys(tensors).length), u64(Object.keys(facts).length)];
for (const [key, value] of Object.entries(facts)) parts.push(string(key), ...value);
const bodies = [];
let offset = 0;
for (const [name, { dimensions, type, data }] of Object.entries(tensors)) {
  parts.push(string(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset));
  bodies.push(padded(Buffer.from(data.buffer)));
  offset += bodies.at(-1).length;
}
writeFileSync(out, Buffer.concat([padded(Buffer.concat(parts)), ...bodies]));
