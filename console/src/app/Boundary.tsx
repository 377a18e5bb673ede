import { Component, type ReactNode } from "react";
import { Failure } from "../ui/Failure";

/**
 * What stands in for a page that broke, so that the rest of the console stays. After an upgrade of the server a tab may
 * ask for a part that is not there any more: to load the page again is the cure.
 */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="page">
        <Failure error={this.state.error} />
        <p>
          <button type="button" className="button" onClick={() => window.location.reload()}>
            Load the page again
          </button>
        </p>
      </div>
    );
  }
}
