using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Support;

/// <summary>Log lines, kept.</summary>
public sealed class CapturedLog : ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Line)> _lines = new();

    public string[] Lines => [.. _lines.Select(line => line.Line)];

    public string[] At(LogLevel level) => [.. _lines.Where(line => line.Level == level).Select(line => line.Line)];

    public string[] AtLeast(LogLevel level) => [.. _lines.Where(line => line.Level >= level).Select(line => line.Line)];

    /// <summary>Keeps the lines of every category here.</summary>
    public ILoggerFactory Factory => new OfEveryCategory(this);

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, formatter(state, exception)));

    private sealed class OfEveryCategory(ILogger log) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }
}
