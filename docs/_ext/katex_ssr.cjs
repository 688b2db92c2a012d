// Sets mathematics: a JSON request per line in, a JSON answer per line out, until the input ends.
const katex = require(process.argv[2]);
const lines = require("node:readline").createInterface({ input: process.stdin });

function answer({ tex, display }) {
  const options = { displayMode: display, throwOnError: true, strict: "error", output: "htmlAndMathml" };
  try {
    return { html: katex.renderToString(tex, options) };
  } catch (error) {
    return { error: error.message };
  }
}

lines.on("line", (line) => process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n"));
