using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine;

namespace StreamRnn.Worker.Hosting;

/// <summary>A port that answers HTTP: probes, or the dashboard.</summary>
/// <param name="setting">The section of the configuration that names it.</param>
/// <param name="port">0 takes any free one; the log says which.</param>
internal sealed class HttpEndpoint(string setting, string address, int port, RequestDelegate answer, ILogger logger) : IHostedService
{
    private WebApplication? _server;

    /// <summary>URL of the endpoint; null before the start.</summary>
    public string? Address => _server?.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Parse(address), port);
            kestrel.AddServerHeader = false;
        });
        _server = builder.Build();
        _server.Run(answer);
        try
        {
            await _server.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new CommandFailedException($"{setting}: cannot listen on {address}:{port} ({e.Message}); choose another {setting}:Port");
        }
        Log.Serving(logger, setting, Address!);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }
}
