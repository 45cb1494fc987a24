import { render } from "preact";
import { createConversation } from "../talk/conversation";
import "../shared/base.css";
import { Stage } from "./stage";
import "./stage.css";

const conversation = createConversation();
render(<Stage conversation={conversation} />, document.getElementById("app")!);
conversation.start();
