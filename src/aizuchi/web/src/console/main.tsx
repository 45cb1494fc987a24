import { render } from "preact";
import { Console } from "./app";
import "./console.css";
import { dressed } from "./looks";

dressed();
render(<Console />, document.getElementById("app")!);
