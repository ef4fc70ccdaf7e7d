using Microsoft.AspNetCore.Http;
using StreamRnn.Engine.Telemetry;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// The three questions an orchestrator asks:
/// <list type="bullet">
/// <item><c>/healthz/live</c>: does the process answer? A loop with a bug ends the process, so nothing more is asked.</item>
/// <item><c>/healthz/startup</c>: have models and states been loaded and the shards begun?</item>
/// <item><c>/healthz/ready</c>: is that so, and have the subscriptions been acknowledged?</item>
/// </list>
/// 200 for yes, 503 for not yet, with one line that says why. And for people and scripts <c>/healthz/status</c>: what the worker counts.
/// </summary>
/// <param name="isStarted">True when start-up is over.</param>
/// <param name="isReady">True when ticks can arrive.</param>
/// <param name="trouble">Reason that ticks cannot arrive, where one is known.</param>
/// <param name="status">JSON, see <see cref="StatusJson"/>.</param>
internal sealed class Probes(Func<bool> isStarted, Func<bool> isReady, Func<ReadOnlyMemory<byte>> status, Func<string?>? trouble = null)
{
    public Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path.Value == HealthPaths.Status)
        {
            context.Response.ContentType = "application/json";
            return context.Response.Body.WriteAsync(status()).AsTask();
        }
        (bool yes, string answer) = context.Request.Path.Value switch
        {
            HealthPaths.Live => (true, "live"),
            HealthPaths.Startup => isStarted() ? (true, "started") : (false, "loading models and states"),
            HealthPaths.Ready => isReady() ? (true, "ready") : (false, isStarted() ? trouble?.Invoke() ?? "waiting for the broker to acknowledge the subscriptions" : "starting"),
            _ => (false, ""),
        };
        context.Response.StatusCode = yes ? StatusCodes.Status200OK
            : answer.Length > 0 ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status404NotFound;
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync(answer + "\n");
    }
}
