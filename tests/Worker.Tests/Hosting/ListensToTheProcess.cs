namespace StreamRnn.Worker.Tests.Hosting;

/// <summary>Listeners hear every meter and source of the process, so these tests run by themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class ListensToTheProcess
{
    public const string Name = "listens to the process";
}
