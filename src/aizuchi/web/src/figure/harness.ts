/** For looking at the drawing: `figure.html`, no part of the build. */
import { Drawn } from "./drawn";

Object.assign(window, { Drawn });
