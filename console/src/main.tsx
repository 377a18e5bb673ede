import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes } from "react-router";
import { ApiError } from "./api/client";
import { Shell } from "./app/Shell";
import { MachinesPage } from "./machines/MachinesPage";
import "./ui/tokens.css";
import "./ui/base.css";
import "./ui/ui.css";

const ExecutionPage = lazy(() => import("./execution/ExecutionPage"));
const ExecutionsPage = lazy(() => import("./executions/ExecutionsPage"));
const MachinePage = lazy(() => import("./machines/MachinePage"));
const MapRunPage = lazy(() => import("./mapruns/MapRunPage"));
const FunctionsPage = lazy(() => import("./functions/FunctionsPage"));
const FunctionPage = lazy(() => import("./functions/FunctionPage"));
const CostPage = lazy(() => import("./cost/CostPage"));
const BenchmarksPage = lazy(() => import("./benchmarks/BenchmarksPage"));
const ComparePage = lazy(() => import("./execution/compare/ComparePage"));

// Where a link to an execution is opened, its page is on its way while React starts.
if (window.location.pathname.startsWith("/console/executions/")) void import("./execution/ExecutionPage");

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What the server has refused it refuses again; what did not reach it is tried once more.
      retry: (failures, error) => !(error instanceof ApiError) && failures < 2,
      staleTime: 2_000,
      gcTime: 60_000,
    },
  },
});

function App() {
  return (
    <QueryClientProvider client={queries}>
      <BrowserRouter basename="/console">
        <Routes>
          <Route element={<Shell />}>
            <Route index element={<MachinesPage />} />
            <Route path="machines/:arn" element={<MachinePage />} />
            <Route path="executions" element={<ExecutionsPage />} />
            <Route path="executions/:arn" element={<ExecutionPage />} />
            <Route path="compare" element={<ComparePage />} />
            <Route path="map-runs/:arn" element={<MapRunPage />} />
            <Route path="functions" element={<FunctionsPage />} />
            <Route path="functions/:name" element={<FunctionPage />} />
            <Route path="cost" element={<CostPage />} />
            <Route path="benchmarks" element={<BenchmarksPage />} />
            <Route path="*" element={<p className="empty">There is no such page.</p>} />
          </Route>
        </Routes>
      </BrowserRouter>
    </QueryClientProvider>
  );
}

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
