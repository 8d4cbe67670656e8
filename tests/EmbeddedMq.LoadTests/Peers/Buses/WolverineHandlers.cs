namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>What Wolverine finds by its conventions and compiles into its handlers.</summary>
public static class WolverineHandlers
{
    public static void Handle(Parcel parcel, Arrivals arrivals) => arrivals.Signal();

    public static void Handle(Broadcast broadcast, Arrivals arrivals) => arrivals.Signal();

    public static Answer Handle(Question question) => Answer.New();

    public static void Handle(Answer answer, Answers answers) => answers.Signal();
}
