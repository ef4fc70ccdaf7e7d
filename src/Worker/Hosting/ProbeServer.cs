using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StreamRnn.Worker.Commands;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// The three questions an orchestrator asks, over HTTP:
/// <list type="bullet">
/// <item><c>/healthz/live</c>: does the process answer? A loop with a bug ends the process, so nothing more is asked.</item>
/// <item><c>/healthz/startup</c>: have models and states been loaded and the shards begun?</item>
/// <item><c>/healthz/ready</c>: is that so, and have the subscriptions been acknowledged?</item>
/// </list>
/// 200 for yes, 503 for not yet, with one line that says why.
/// </summary>
/// <param name="isStarted">Whether start-up is over.</param>
/// <param name="isReady">Whether ticks can arrive.</param>
internal sealed class ProbeServer(ProbesOptions options, Func<bool> isStarted, Func<bool> isReady) : IHostedService
{
    public const string Live = "/healthz/live";
    public const string Ready = "/healthz/ready";
    public const string Startup = "/healthz/startup";

    private WebApplication? _server;

    /// <summary>Where it listens; null before the start.</summary>
    public string? Address => _server?.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Parse(options.Address), options.Port));
        _server = builder.Build();
        _server.Run(AnswerAsync);
        try
        {
            await _server.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new CommandFailedException($"Probes: cannot listen on {options.Address}:{options.Port} ({e.Message}); choose another Probes:Port");
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    private Task AnswerAsync(HttpContext context)
    {
        (bool yes, string answer) = context.Request.Path.Value switch
        {
            Live => (true, "live"),
            Startup => isStarted() ? (true, "started") : (false, "loading models and states"),
            Ready => isReady() ? (true, "ready") : (false, isStarted() ? "waiting for the broker to acknowledge the subscriptions" : "starting"),
            _ => (false, ""),
        };
        context.Response.StatusCode = yes ? StatusCodes.Status200OK
            : answer.Length > 0 ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status404NotFound;
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync(answer + "\n");
    }
}
