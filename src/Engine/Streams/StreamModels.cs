using StreamRnn.Detection;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Streams;

/// <summary>
/// The models and the rules in use and which of them serve a stream: of each the first whose pattern matches, else the standard one. A
/// kind is a pair of them; kind = model * rules + rule. Behind the kinds of the present set-up come those of set-ups that came before it,
/// as far as they are others: rows of those are brought back, and become rows of the present one where the set-up changes.
/// </summary>
public sealed class StreamModels
{
    private readonly RowKind[] _kinds;
    private readonly Assignment[] _plans;   // the present one is the last
    private readonly StreamDirectory? _directory;

    /// <summary>One model for every stream, and every tick steps as it comes.</summary>
    public StreamModels(Forecaster standard) => (_kinds, _plans) = ([new RowKind(standard, TickRule.Default)], [new Assignment([], [], [0])]);

    /// <param name="models">In order of preference.</param>
    /// <param name="rules">In order of preference.</param>
    public StreamModels(Forecaster standard, StreamDirectory directory, IReadOnlyList<(StreamPattern Pattern, Forecaster Model)> models,
        IReadOnlyList<(StreamPattern Pattern, TickRule Rule)> rules)
    {
        _directory = directory;
        _kinds = [.. models.Select(entry => entry.Model).Append(standard)
            .SelectMany(_ => rules.Select(entry => entry.Rule).Append(TickRule.Default), (model, rule) => new RowKind(model, rule))];
        _plans = [new Assignment([.. models.Select(entry => entry.Pattern)], [.. rules.Select(entry => entry.Pattern)], [.. Enumerable.Range(0, _kinds.Length)])];
    }

    private StreamModels(StreamModels present, IReadOnlyList<StreamModels> past)
    {
        List<RowKind> kinds = [.. present._kinds];
        _directory = present._directory;
        _plans = [.. past.Select(map => map._plans[0] with { Kinds = [.. map._kinds.Select(IndexOf)] }), present._plans[0]];
        _kinds = [.. kinds];

        int IndexOf(RowKind kind)
        {
            int index = kinds.FindIndex(other => other.HasModelOf(kind) && other.Model.Name == kind.Model.Name && other.Rule == kind.Rule);
            if (index < 0)
                kinds.Add(kind);
            return index < 0 ? kinds.Count - 1 : index;
        }
    }

    public IReadOnlyList<RowKind> Kinds => _kinds;

    /// <summary>Kind of the streams that no pattern names.</summary>
    public RowKind Standard => _kinds[_plans[^1].Kinds[^1]];

    /// <summary>Set-ups, of which each one's number is below its successor's.</summary>
    public int PlanCount => _plans.Length;

    /// <summary>Returns this set-up combined with the earlier ones.</summary>
    /// <param name="past">The first of each is meant; the oldest comes first.</param>
    public StreamModels After(IReadOnlyList<StreamModels> past) => past.Count == 0 ? this : new StreamModels(this, past);

    /// <summary>Index into <see cref="Kinds"/> of a stream's kind in a set-up. Asked once, at the stream's first tick or where the set-up changes.</summary>
    public int KindOf(int stream, int plan)
    {
        Assignment assignment = _plans[plan];
        if (assignment.Kinds.Length == 1)
            return assignment.Kinds[0];
        string name = _directory!.Name(stream);
        return assignment.Kinds[(FirstMatch(assignment.Models, name) * (assignment.Rules.Length + 1)) + FirstMatch(assignment.Rules, name)];
    }

    /// <summary>Index into <see cref="Kinds"/> of what a set-up itself counts as its kind.</summary>
    public int KindIn(int plan, int kind) => _plans[plan].Kinds[kind];

    /// <summary>True if a set-up has a kind.</summary>
    public bool Has(int plan, int kind) => _plans[plan].Kinds.Contains(kind);

    private static int FirstMatch(StreamPattern[] patterns, string name)
    {
        int first = 0;
        while (first < patterns.Length && !patterns[first].Matches(name))
            first++;
        return first;
    }

    /// <summary>Assignment of streams to kinds in one set-up.</summary>
    /// <param name="Kinds">Of model * rules + rule.</param>
    private sealed record Assignment(StreamPattern[] Models, StreamPattern[] Rules, int[] Kinds);
}
