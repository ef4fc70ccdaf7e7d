using StreamRnn.Detection;
using StreamRnn.Ingest;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The models and the rules in use and which of them serve a stream: of each the first whose pattern matches, else the standard one. A
/// kind is a pair of them; kind = model * rules + rule.
/// </summary>
public sealed class ModelMap
{
    private readonly RowKind[] _kinds;
    private readonly StreamPattern[] _modelPatterns;
    private readonly StreamPattern[] _rulePatterns;
    private readonly StreamDirectory? _directory;

    /// <summary>One model for every stream, and every tick steps as it comes.</summary>
    public ModelMap(Forecaster standard) => (_kinds, _modelPatterns, _rulePatterns) = ([new RowKind(standard, TickRule.Default)], [], []);

    /// <param name="models">In order of preference.</param>
    /// <param name="rules">In order of preference.</param>
    public ModelMap(Forecaster standard, StreamDirectory directory, IReadOnlyList<(StreamPattern Pattern, Forecaster Model)> models,
        IReadOnlyList<(StreamPattern Pattern, TickRule Rule)> rules)
    {
        _directory = directory;
        _modelPatterns = [.. models.Select(entry => entry.Pattern)];
        _rulePatterns = [.. rules.Select(entry => entry.Pattern)];
        _kinds = [.. models.Select(entry => entry.Model).Append(standard)
            .SelectMany(_ => rules.Select(entry => entry.Rule).Append(TickRule.Default), (model, rule) => new RowKind(model, rule))];
    }

    public IReadOnlyList<RowKind> Kinds => _kinds;

    /// <summary>Index into <see cref="Kinds"/>. Asked once, at the stream's first tick.</summary>
    public int KindOf(int stream)
    {
        if (_kinds.Length == 1)
            return 0;
        string name = _directory!.Name(stream);
        return (FirstMatch(_modelPatterns, name) * (_rulePatterns.Length + 1)) + FirstMatch(_rulePatterns, name);
    }

    private static int FirstMatch(StreamPattern[] patterns, string name)
    {
        int first = 0;
        while (first < patterns.Length && !patterns[first].Matches(name))
            first++;
        return first;
    }
}
