/** The timeline: of the running session, and of one that was saved. Loaded when it is first looked at. */
import "./timeline.css";

export { TimelinePanel } from "./panel";
export { SavedTimelineView } from "./saved-view";
export { type SavedTimeline, openSaved } from "./saved";
