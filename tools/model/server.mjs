// A model server as a node expects it: OpenAI's completions over llama.cpp, on loopback.
//   node server.mjs PORT MODEL.gguf
import http from 'node:http';
import { getLlama, LlamaCompletion } from 'node-llama-cpp';

const [port, modelPath] = process.argv.slice(2);
const promptMax = 1500; // characters; the end counts
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error', maxThreads: 1 });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 1024, sequences: 4, threads: 1 });

function promptOf(ask) {
  const whole = ask.messages ? ask.messages.map((m) => m.content).join(' ') : String(ask.prompt);
  return whole.slice(-promptMax);
}

async function complete(ask) {
  const prompt = promptOf(ask);
  const sequence = context.getSequence();
  try {
    let tokens = 0;
    const made = await new LlamaCompletion({ contextSequence: sequence }).generateCompletionWithMeta(prompt, {
      maxTokens: ask.max_tokens || 64, temperature: ask.temperature ?? 0.8, seed: ask.seed,
      onToken: (some) => { tokens += some.length; },
    });
    const asked = model.tokenize(prompt).length;
    return { text: made.response, reason: made.metadata.stopReason === 'maxTokens' ? 'length' : 'stop',
      usage: { prompt_tokens: asked, completion_tokens: tokens, total_tokens: asked + tokens } };
  } finally {
    sequence.dispose();
  }
}

async function answer(path, body) {
  if (path === '/health') return { status: 'ok' };
  const ask = JSON.parse(body);
  const { text, reason, usage } = await complete(ask);
  const chat = path.endsWith('/chat/completions');
  const said = chat ? { message: { role: 'assistant', content: text } } : { text };
  return { id: `cmpl-${Date.now().toString(36)}`, object: chat ? 'chat.completion' : 'text_completion',
    created: Math.floor(Date.now() / 1000), model: ask.model,
    choices: [{ index: 0, ...said, finish_reason: reason }], usage };
}

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', async () => {
    response.setHeader('content-type', 'application/json');
    try {
      response.end(JSON.stringify(await answer(request.url, body)));
    } catch (e) {
      response.statusCode = 500;
      response.end(JSON.stringify({ error: { message: String(e), type: 'server_error' } }));
    }
  });
});
server.listen(Number(port), '127.0.0.1', () => console.log(`ready ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
