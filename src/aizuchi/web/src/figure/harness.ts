/** For looking at the figures: `figure.html`, no part of the build. */
import { Drawn } from "./drawn";
import { makeFigure, worn } from "./index";

Object.assign(window, { Drawn, makeFigure, worn });
