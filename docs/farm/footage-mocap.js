// A job type for Flamenco 3: copy it into the folder `scripts` beside the Manager and restart the Manager.
// Each task does one shard of a manifest; docs/farm.md says the rest.

const JOB_TYPE = {
    label: "Footage Mocap",
    settings: [
        { key: "folder", type: "string", subtype: "dir_path", required: true,
          description: "What all Workers see; it holds clips.jsonl, and takes and reports go there" },
        { key: "python", type: "string", default: "python",
          description: "A Python in which this package is installed" },
        { key: "tasks", type: "int32", default: 8, description: "Shards; a clip or more each" },
    ],
};

function compileJob(job) {
    const { folder, python, tasks } = job.settings;
    for (let task = 0; task < tasks; task++) {
        const shard = author.Task(`shard-${task}`, "misc");
        shard.addCommand(author.Command("exec", {
            exe: python,
            args: ["-m", "core", "reconstruct", "--manifest", `${folder}/clips.jsonl`, "-o", `${folder}/takes`,
                   "--shard", `${task}/${tasks}`, "--threads", "1", "--report", `${folder}/reports/${task}.json`],
        }));
        job.addTask(shard);
    }
}
