using StreamRnn.Ingest.Recordings;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Trainer.Tests;

/// <summary>What cannot be trained on is refused with file, place and remedy.</summary>
public class SeriesTests
{
    [Theory]
    [InlineData("time,a\n0,1\n1,\n2,3\n", "line 3, column a: the cell is empty", "--gaps skip")]
    [InlineData("time,a\n0,1\n1,NaN\n2,3\n", "line 3, column a: 'NaN' is no number", "--gaps hold")]
    [InlineData("time,a\n0,1\n1,high\n2,3\n", "line 3, column a: 'high' is no finite number", "--value-column")]
    [InlineData("time,a\n0,1\n1,inf\n2,3\n", "line 3, column a: 'inf' is no finite number", "correct it")]
    [InlineData("time,a\n0,1\n5,2\n2,3\n", "line 4, column time: 2 lies before the row above it", "sort")]
    [InlineData("time,a\n0,1\nsoon,2\n2,3\n", "line 3, column time: 'soon' is no time", "--time-column")]
    [InlineData("time,a,b\n0,1,2\n1,2,3\n", "2 columns hold numbers (a, b)", "--value-column")]
    public void A_bad_row_is_named_with_its_remedy(string text, string place, string remedy)
    {
        using TemporaryFile file = Data.File(text);
        string message = Assert.Throws<InvalidDataException>(() => Series.Read(file.Path, new RecordingOptions(), GapPolicy.Refuse)).Message;
        Assert.StartsWith(file.Path, message, StringComparison.Ordinal);
        Assert.Contains(place, message, StringComparison.Ordinal);
        Assert.Contains(remedy, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gaps_are_skipped_or_held_where_that_is_asked_for()
    {
        using TemporaryFile file = Data.File("time,a\n0,\n1,1\n2,\n3,NA\n4,5\n");
        Series skipped = Series.Read(file.Path, new RecordingOptions(), GapPolicy.Skip);
        Assert.Equal([1, 5], skipped.Values);
        Assert.Equal(3, skipped.Gaps);
        Series held = Series.Read(file.Path, new RecordingOptions(), GapPolicy.Hold);
        Assert.Equal([1, 1, 1, 5], held.Values);
        Assert.Equal([1, 2, 3, 4], held.Times.Select(time => time / 1_000_000_000));
    }

    public static TheoryData<Recipe> Recipes() => [.. Recipe.All];

    [Theory, MemberData(nameof(Recipes))]
    public void Values_that_never_change_teach_nothing(Recipe recipe)
    {
        Series constant = Data.Hourly(400) with { Values = new double[400] };
        string message = Assert.Throws<InvalidDataException>(() => recipe.Prepare([constant], recipe.Defaults)).Message;
        Assert.Contains("hourly", message, StringComparison.Ordinal);
        Assert.Contains("--value-column", message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Recipes))]
    public void One_row_is_too_few(Recipe recipe)
    {
        string message = Assert.Throws<InvalidDataException>(() => recipe.Prepare([Data.Hourly(1)], recipe.Defaults)).Message;
        Assert.Contains("hourly: 1 row is too few", message, StringComparison.Ordinal);
        Assert.Contains("Record more", message, StringComparison.Ordinal);
    }
}
