using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Worker.Dashboard;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Demo;

/// <summary>The dashboard of the demo, on loopback.</summary>
internal sealed class DemoPage : IDisposable
{
    private readonly HttpEndpoint _endpoint;

    private DemoPage(HttpEndpoint endpoint) => _endpoint = endpoint;

    public string Address => _endpoint.Address!;

    public static DemoPage Serve(int port, StreamWorker worker)
    {
        DashboardPage page = new(worker.Board!, () => worker.Status, new Probes(() => true, () => worker.IsReady, worker.WriteStatus).AnswerAsync);
        HttpEndpoint endpoint = new("Dashboard", "127.0.0.1", port, page.AnswerAsync, NullLogger.Instance);
        endpoint.StartAsync(CancellationToken.None).GetAwaiter().GetResult();
        return new DemoPage(endpoint);
    }

    public void Dispose() => _endpoint.StopAsync(CancellationToken.None).GetAwaiter().GetResult();
}
