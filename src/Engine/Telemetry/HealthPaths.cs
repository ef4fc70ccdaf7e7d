namespace StreamRnn.Engine.Telemetry;

/// <summary>Paths of the HTTP probes, as an orchestrator and the benchmarks ask for them.</summary>
public static class HealthPaths
{
    public const string Live = "/healthz/live";
    public const string Ready = "/healthz/ready";
    public const string Startup = "/healthz/startup";
    public const string Status = "/healthz/status";
}
