import { render } from "preact";

render(<p>Aizuchi</p>, document.getElementById("app")!);
